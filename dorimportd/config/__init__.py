"""/etc into one frozen Settings, or every error with its file and line.

    values.py    what a value may look like: a zone, a size, an endpoint, a password hash
    schema.py    the keys of dorimportd.toml and customers.d/NAME.toml, their units and defaults
    keys.py      public keys in OpenSSH's authorized_keys syntax
    files.py     the folder on disk, or as it would be after an edit
    findings.py  what a reading finds wrong, and what it warns of
    refer.py     what dorimportd.toml refers to: certificate, database
    agree.py     what the files say of one another
    read.py      all files -> Settings, or BadConfig with every mistake of all of them
    settings.py  Settings: what the daemon and dorimportctl ask
    edit.py      dorimportctl's edits: checked as a whole before they replace anything
    secrets.py   Argon2id

Files are the truth.  The daemon reads them into one value that never changes; a reload makes another
one and replaces it, or says what is wrong and keeps the old.  This room blocks on the disk, and knows
nothing of sockets, of the database and of what is running.
"""
