"""Pixels and per-frame messages between processes of one machine.

To read it, begin with what travels: `frame.py` (a picture and its facts), `i420.py` (how its planes lie). Then
`ring_writer.py` and `ring_reader.py` (pixels, one writer and a few readers) and `side_channel.py` (messages, one
publisher and many subscribers). Below them: `wire.py` (the ring's datagrams), `shared_memory.py` (a memfd that readers
can't write) and `seqpacket.py` (sockets that are found by path and come back by themselves).
"""
