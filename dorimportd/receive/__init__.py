"""The doors: bytes on the wire become uploads, uploads become deliveries, and the sender is told.

    door     protocol                                            its own room
    sftp     SSH and SFTP version 3 (Conch)                      receive/sftp
    ftp      FTP (twisted.protocols.ftp)                         receive/ftp
    smtp     SMTP (twisted.mail.smtp)                            receive/smtp

All three go the same way: portal.py says who comes in, avatar.py what a customer can do, uploads.py
takes the bytes to the disk, replies.py has every answer.  No door knows the database.
"""
