"""Spool -> parse -> store, for one delivery at a time: plain blocking code for daemon and command line."""
