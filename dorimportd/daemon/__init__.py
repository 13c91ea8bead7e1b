"""The house: services, wiring and signals.  assembly.py is the only file that knows every room."""
