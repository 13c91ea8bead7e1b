"""dorimportctl: one file per word of the command line; main.py has them all in one table."""
