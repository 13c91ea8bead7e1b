"""dorimportd: files of sales in, one right table of transactions out.

    network ──> receive ──> spool ──> parse ──> store ──> report ──> people
                              the pipeline carries a delivery through these, once, in order

    floor  rooms                           what they may use
    4      daemon  ctl                     everything below; Twisted: daemon and receive only
    3      receive                         spool, config, floor 0; not the store: a reply does not need it
    2      config  pipeline  report        pipeline joins the three rooms below, config reads formats,
           suggest                         suggest writes them
    1      spool  parse  store             do not know one another; block, so they run on worker threads
    0      words  errors  events  toml     no room at all
           instants

An import goes down, never sideways, never up; tests/test_floors.py holds it so.

Where state lives: the spool is the truth of what was accepted; the database is derived from it, plus
outcomes; /etc is intent, which the daemon only reads; memory holds one Settings, replaced as a whole,
and the open sessions.
"""

from __future__ import annotations

from typing import Final

__version__: Final = "0.1.0"
