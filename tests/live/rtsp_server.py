"""An RTSP server that shows what a test tells it to: GStreamer's, with the system's Python.

It reads JSON, one document a line, from standard input. The first line is the configuration:

    {"port": 8554, "films": {"walk": {"caps": "image/jpeg,...", "pay": "rtpjpegpay", "frames": ["…/0.jpg", …]}},
     "mounts": {"door": "walk"}, "accounts": {"admin": "a password"}, "scheme": "digest",
     "certificate": "…/certificate-and-key.pem"}

and it answers `serving` when cameras can be watched. Every further line changes what one mount shows from then on:
`{"mount": "door", "film": "small", "rate": 5}`. Films are shown from their start, over and over, at `rate` pictures
a second, which are stamped as they leave.
"""

import json
import sys
import threading
from pathlib import Path
from typing import Any

import gi  # type: ignore[import-not-found]  # the system's Python has it, the project's has not

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import Gio, GLib, Gst, GstRtsp, GstRtspServer  # type: ignore[import-not-found]  # noqa: E402 - after the versions

USUAL_RATE = 25.0


class Mount(GstRtspServer.RTSPMediaFactory):  # type: ignore[misc]  # untyped, see above
    """One address of the server: what it shows, and to whom."""

    def __init__(self, films: dict[str, Any], film: str) -> None:
        super().__init__()
        self.set_shared(True)
        self.films, self.pay = films, films[film]["pay"]
        self.sources: list[Any] = []
        self.rate = USUAL_RATE
        self.show(film)

    def show(self, film: str) -> None:
        """Begin another film."""
        self.caps = Gst.Caps.from_string(self.films[film]["caps"])
        self.frames = [Path(name).read_bytes() for name in self.films[film]["frames"]]
        self.number = 0

    def play(self) -> bool:
        """Give the next picture to everybody who watches, and come again when the one after it is due."""
        frame = self.frames[self.number % len(self.frames)]
        self.number += 1
        for source in self.sources:
            source.set_property("caps", self.caps)
            source.emit("push-buffer", Gst.Buffer.new_wrapped(frame))
        GLib.timeout_add(round(1000 / self.rate), self.play)
        return False

    def do_create_element(self, _url: Any) -> Any:
        """GStreamer asks for the pipeline of the first client; later ones share it."""
        return Gst.parse_launch(f"appsrc name=src is-live=true format=time do-timestamp=true ! {self.pay} name=pay0")

    def do_configure(self, media: Any) -> None:
        """GStreamer has made the pipeline: feed it for as long as it is used."""
        source = media.get_element().get_by_name("src")
        source.set_property("caps", self.caps)
        self.sources.append(source)
        media.connect("unprepared", lambda _media: self.sources.remove(source))


def doorkeeper(accounts: dict[str, str], scheme: str) -> Any:
    """Lets in who has a password; the scheme is `basic` or `digest`."""
    guard = GstRtspServer.RTSPAuth()
    guard.set_supported_methods(getattr(GstRtsp.RTSPAuthMethod, scheme.upper()))
    for user, password in accounts.items():
        token = GstRtspServer.RTSPToken()
        token.set_string("media.factory.role", "viewer")
        if scheme == "digest":
            guard.add_digest(user, password, token)
        else:
            guard.add_basic(GstRtspServer.RTSPAuth.make_basic(user, password), token)
    return guard


def serve(configuration: dict[str, Any]) -> dict[str, Mount]:
    """Start the server; the mounts by name."""
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(str(configuration["port"]))
    accounts = configuration.get("accounts", {})
    if accounts:
        guard = doorkeeper(accounts, configuration["scheme"])
        if "certificate" in configuration:
            guard.set_tls_certificate(Gio.TlsCertificate.new_from_file(configuration["certificate"]))
        server.set_auth(guard)
    mounts = {name: Mount(configuration["films"], film) for name, film in configuration["mounts"].items()}
    for name, mount in mounts.items():
        if accounts:
            permissions = GstRtspServer.RTSPPermissions()
            permissions.add_permission_for_role("viewer", "media.factory.access", True)
            permissions.add_permission_for_role("viewer", "media.factory.construct", True)
            mount.set_permissions(permissions)
        server.get_mount_points().add_factory(f"/{name}", mount)
        mount.play()
    server.attach(None)
    return mounts


def main() -> None:
    """Serve until standard input is closed."""
    Gst.init(None)
    mounts = serve(json.loads(sys.stdin.readline()))
    loop = GLib.MainLoop()

    def obey(order: dict[str, Any]) -> None:
        mount = mounts[order["mount"]]
        mount.rate = order.get("rate", mount.rate)
        if "film" in order:
            mount.show(order["film"])

    def listen() -> None:
        for line in sys.stdin:
            GLib.idle_add(obey, json.loads(line))
        GLib.idle_add(loop.quit)

    threading.Thread(target=listen, daemon=True).start()
    sys.stdout.write("serving\n")
    sys.stdout.flush()
    loop.run()


if __name__ == "__main__":
    main()
