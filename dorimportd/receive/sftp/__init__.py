"""The SFTP door: SSH by Conch, mended; SFTP version 3 over one flat folder.

network ──> transport ──> login ──> connection ──> channel ──> server ──> session ──> spool
            SSH packets   who       SSH channels   one sftp    packets    what a customer
                          comes in                 subsystem   and turns  has open

ssh.py          what is agreed on with a client, as one table
host_keys.py    who we are
fields.py       the fields that SSH and SFTP packets are made of
offers.py       what one side of a connection would take
ciphers.py      SSH packets sealed and opened
directions.py   which names stand for which ciphers
packets.py      SSH packets on the wire, and their numbers
exchanges.py    when keys are exchanged, and which packets are in turn then
mended.py       Conch's classes without their defects; tests/stock/test_sftp.py shows each one
transport.py    one connection: counted, timed, ended
login.py        password and public key, decided by the doorkeeper
channel.py      the subsystem and its end
wire.py         SFTP packets cut from a stream, answers written
requests.py     every request, how it is read, what answers it
server.py       requests begun in their order, answers sent, back-pressure
session.py      the requests of one customer
handles.py      what a customer has open
factory.py      what the daemon listens with
"""
