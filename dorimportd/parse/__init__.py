"""Bytes and a format in, transactions and rejects out.

    stream ──> decode ──> rows ──> read ──> batches of transactions and rejects
                    header, fit     values, amount, pattern, moment, identity

    format.py    the language in which a file's layout is written
    decode.py    bytes -> physical lines, or why they are not text
    rows.py      physical lines -> rows that know their lines
    header.py    which line names the columns, and which of them are meant
    fit.py       how a file differs from its format, in a sentence
    values.py    text fields, and values met again
    amount.py    totals, exact
    pattern.py   how a time is written
    moment.py    local times -> instants, and what a change of the clocks does
    identity.py  IDs, composed or generated
    read.py      all of it, in batches
    clues.py     what a sample file gives away about its layout
    roles.py     which of its columns may be what, and how its values may be read
    decide.py    what each key of a format should say, and what the samples leave open
    suggest.py   the format from samples, doubts said, tried on them

A file is one sequence of bytes here: this room knows no file names, no clock and no database.  The same
bytes and the same format always give the same batches.  Everything blocks and runs on worker threads.
"""
