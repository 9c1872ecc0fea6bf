"""What is read of /proc, against sockets and processes of our own."""

import os
import socket
import subprocess
import sys
import time

from tools.fleet.exactness.kernel import Meter, cpu_seconds, unread_bytes


def test_what_nobody_has_read_is_counted_until_it_is_read() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client:
            server, _ = listener.accept()
            with server:
                assert unread_bytes(port) == 0
                client.sendall(b"x" * 1000)
                assert unread_bytes(port) == 1000
                server.recv(1000)
                assert unread_bytes(port) == 0


def test_a_process_that_is_gone_has_no_processor_time() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    assert cpu_seconds(process.pid) == 0.0
    assert cpu_seconds(os.getpid()) > 0.0


def test_a_meter_remembers_what_a_child_had_taken_when_it_ended() -> None:
    meter = Meter({"busy_child": "busy", "idle_child": "idle"})
    code = "import time\nwhile time.process_time() < 0.1: pass\nprint(flush=True); time.sleep(60)  # busy_child"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as child:  # noqa: S603 - our own command
        assert child.stdout is not None
        child.stdout.readline()
        meter.look()
        child.kill()
    time.sleep(0.01)
    meter.look()
    assert meter.seconds()["busy"] >= 0.05  # the clock has ticks of 0.01 s
    assert meter.seconds()["idle"] == 0.0
