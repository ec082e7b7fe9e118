"""Which reverse proxies are believed when they say for whom they speak."""

import ipaddress
from collections.abc import Sequence

from schemas.errors import at

# Of an IPv6 address that stands for an IPv4 one (RFC 4291, section 2.5.5.2).
_MAPPED_BITS = 96


def proxy_networks(proxies: Sequence[str]) -> list[str]:
    """The networks of `trusted_proxies`, those of IPv4 also as a socket shows them that listens on both families.

    Raises InvalidInputError with the path of what is neither an address nor a network.
    """
    networks: list[str] = []
    for number, proxy in enumerate(proxies):
        try:
            network = ipaddress.ip_network(proxy)
        except ValueError as error:
            raise at(f"trusted_proxies[{number}]", f"expected an IP address or a network: {error}") from None
        networks.append(str(network))
        if isinstance(network, ipaddress.IPv4Network):
            networks.append(f"::ffff:{network.network_address}/{_MAPPED_BITS + network.prefixlen}")
    return networks
