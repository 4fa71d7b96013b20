"""Services by well-known server port (IANA Service Name and Transport Protocol Port Number Registry).

A port is a hint, not a proof: `service` says by which port the server was reached, and nothing of what was inside.
Ports that carry more than one service of weight are left out, so that null means "not told by the port".
"""

from typing import NamedTuple

TCP, UDP = 6, 17

QUIC = "quic"
"""A flow whose UDP payload began with a QUIC long header (RFC 9000 §17.2), on whatever port."""


class Service(NamedTuple):
    """One service: `name`, and the server ports that it is registered for, over TCP and over UDP."""

    name: str
    tcp: tuple[int, ...] = ()
    udp: tuple[int, ...] = ()


SERVICES = (
    Service("http", (80, 8080)),
    Service("https", (443, 8443)),
    Service("dns", (53,), (53,)),
    Service("dns_over_tls", (853,), (853,)),
    Service("ntp", (), (123,)),
    Service("mdns", (), (5353,)),
    Service("dhcp", (), (67, 68, 546, 547)),
    Service("ssh", (22,)),
    Service("ftp", (20, 21)),
    Service("telnet", (23,)),
    Service("smtp", (25, 465, 587)),
    Service("pop3", (110,)),
    Service("pop3s", (995,)),
    Service("imap", (143,)),
    Service("imaps", (993,)),
    Service("sip", (5060, 5061), (5060, 5061)),
    Service("stun", (3478, 5349), (3478, 5349)),
    Service("rtsp", (554,), (554,)),
    Service("rtmp", (1935,)),
    Service("mqtt", (1883,)),
    Service("mqtts", (8883,)),
    Service("coap", (), (5683, 5684)),
    Service("xmpp", (5222, 5223)),
    Service("push", (5228, 5229, 5230)),
    Service("ipsec", (), (500, 4500)),
    Service("openvpn", (1194,), (1194,)),
    Service("wireguard", (), (51820,)),
    Service("l2tp", (), (1701,)),
    Service("snmp", (), (161, 162)),
    Service("syslog", (6514,), (514,)),
    Service("ldap", (389, 636), (389,)),
    Service("rdp", (3389,), (3389,)),
    Service("bgp", (179,)),
    Service("diameter", (3868,)),
)
