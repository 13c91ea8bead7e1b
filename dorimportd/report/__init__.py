"""What is said about deliveries and transactions: shapes for scripts, tables for people, the manual.

It makes text and values, and sends nothing.
"""
