"""The SMTP door (RFC 5321): a mail with one CSV file becomes a delivery, and every mail is kept.

    session.py     what each command does                         on the reactor thread
    receiving.py   the message, behind DATA or in chunks          on the reactor thread
    answering.py   every reply                                    on the reactor thread
    mended.py      Twisted's ESMTP with its faults mended         on the reactor thread
    wire.py        bytes to lines, to message, to chunks          no socket
    commands.py    the table of commands; addresses, parameters   no socket
    login.py       who has logged in                              on the reactor thread
    auth.py        login and password, as they stand on lines     no socket
    envelope.py    who sends to whom, and who may
    incoming.py    the message on its way to the disk
    taking.py      the end of the message: kept, delivered        blocks, on a worker thread
    copies.py      the copies of one message, and what was made of them
    recovery.py    a message that reached only the archive address
    attachment.py  which part is the CSV file
    mime.py        where the parts of a message are
    parameters.py  header values, file names
    body.py        base64, quoted-printable

A message is answered when it is on the disk as a kept mail and its CSV file is a delivery, or when it is
refused with what is wrong with it.  One that came only to the archive address is looked at again later, and
its CSV file held.  Who may send is decided at RCPT, so that a stranger's message is
never taken in.
"""
