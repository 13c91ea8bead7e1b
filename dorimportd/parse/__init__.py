"""Bytes and a format in, transactions and rejects out.

    stream ──> unpack ──> decode ──> rows ──> sieve ──> convert ──> batches of transactions and rejects
                            header, fit    columns    readers, total, group, control
                                          source, condition    values, amount, pattern, moment, zone, identity

    format.py     the language in which a file's layout is written; keys.py what its single keys may say
    unpack.py     what is in a compressed file; bombs refused
    decode.py     bytes -> physical lines, or why they are not text
    foreign.py    what a file is instead; mixed.py which of its lines are in another encoding
    rows.py       physical lines -> rows that know their lines
    lanes.py      which text is read row by row, and which by whole columns: fast.py, bulk.py, times.py
    header.py     which line names the columns, and which of them are meant; naming.py by which names
    fit.py        how a file differs from its format, in a sentence
    columns.py    the columns of one file, and those that are made of others
    source.py     where a value comes from, and the steps that mend it
    condition.py  which rows are meant
    sieve.py      which rows count, and their made columns
    values.py     text fields, and values met again
    amount.py     amounts, exact
    total.py      totals: computed, signed, rounded
    pattern.py    how a time is written
    moment.py     local times -> instants, and what a change of the clocks does
    zone.py       time zones by the names that files have for them
    identity.py   IDs, composed or generated
    readers.py    location, total, time and ID, each read from a row
    group.py      line items -> one transaction
    torn.py       whether a file was cut off in its last row
    control.py    what may hold a file as a whole at its end
    opening.py    a file up to its header
    convert.py    rows -> transactions and rejects, in a batch.py
    read.py       all of it, in batches
    again.py      rows of a file once more, as they stand in it
    builtin/      formats of well-known tills

A file is one sequence of bytes and a name here: this room knows no folders, no clock and no database.  The
same bytes, name and format always give the same batches.  Everything blocks and runs on worker threads.
"""
