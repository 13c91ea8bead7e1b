"""Deliveries on disk: what was accepted, and in which order.  See layout.py for the tree."""
