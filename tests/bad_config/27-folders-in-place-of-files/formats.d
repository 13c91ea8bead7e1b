location = "Store"
