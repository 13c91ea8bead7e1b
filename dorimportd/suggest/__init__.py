"""Samples in, a format out, and what they leave open.

    samples ──> clues, body ──> layout ──> decide*, each by roles, readings, wording ──> suggestion
                    known: the export of a well-known till, by its header

    known.py      which of the built-in formats a file is for, by its header
    clues.py      what a sample file gives away: encoding, signs; what is found and doubted
    body.py       which of its rows are header, sales, footer, of other kinds
    layout.py     both together, and what a format says of them
    roles.py      which of its columns may be what, by their names
    readings.py   how their values may be read
    wording.py    what tills call refunds, and rows that are no sales
    decide*.py    what each key of a format should say, and what the samples leave open
    suggestion.py the format from samples, doubts said, tried on them

Nothing is guessed in silence: what the samples cannot decide is a question.  It blocks, and runs
in dorimportctl.
"""
