//! Whose request it is, as far as limits are concerned: pure rules about addresses.

use std::net::{IpAddr, Ipv6Addr};

use axum::http::{HeaderMap, HeaderName};

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The address that a request counts for. `peer` is the other end of the connection. If that is a proxy of ours, it is
/// the last address in `X-Forwarded-For` that is not one; what stands before it could be written by anybody.
pub(crate) fn client(peer: IpAddr, headers: &HeaderMap, proxies: &[IpAddr]) -> IpAddr {
    let peer = peer.to_canonical();
    if !proxies.contains(&peer) {
        return counted(peer);
    }
    let lists: Vec<_> = headers.get_all(FORWARDED_FOR).iter().filter_map(|list| list.to_str().ok()).collect();
    for part in lists.iter().rev().flat_map(|list| list.rsplit(',')) {
        match part.trim().parse::<IpAddr>().map(|address| address.to_canonical()) {
            Ok(address) if proxies.contains(&address) => {}
            Ok(address) => return counted(address),
            Err(_) => break,
        }
    }
    counted(peer)
}

/// A person on IPv6 has 2^64 addresses, so their network is what counts.
fn counted(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
    }
}

/// Whether only this machine can be on the other end.
pub(crate) fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxies_are_seen_through_and_nobody_else_is_believed() {
        for (peer, forwarded, proxies, expected) in [
            ("10.0.0.1", "", "", "10.0.0.1"),
            ("::ffff:10.0.0.1", "", "", "10.0.0.1"),
            ("10.0.0.1", "1.2.3.4", "", "10.0.0.1"),
            ("10.0.0.1", "1.2.3.4", "10.0.0.1", "1.2.3.4"),
            ("10.0.0.1", "9.9.9.9, 1.2.3.4", "10.0.0.1", "1.2.3.4"),
            ("10.0.0.1", "9.9.9.9, 1.2.3.4, 10.0.0.2", "10.0.0.1 10.0.0.2", "1.2.3.4"),
            ("10.0.0.1", "9.9.9.9, unknown", "10.0.0.1", "10.0.0.1"),
            ("10.0.0.1", "", "10.0.0.1", "10.0.0.1"),
            ("2001:db8:1:2:3:4:5:6", "", "", "2001:db8:1:2::"),
            ("10.0.0.1", "2001:db8:1:2:ffff::1", "10.0.0.1", "2001:db8:1:2::"),
        ] {
            let proxies: Vec<IpAddr> = proxies.split_whitespace().map(|one| one.parse().expect(one)).collect();
            let mut headers = HeaderMap::new();
            if !forwarded.is_empty() {
                headers.insert(FORWARDED_FOR, forwarded.parse().expect("a header"));
            }
            let said = client(peer.parse().expect(peer), &headers, &proxies);
            assert_eq!(said, expected.parse::<IpAddr>().expect(expected), "{peer} {forwarded} {proxies:?}");
        }
    }

    #[test]
    fn several_headers_are_one_list() {
        let mut headers = HeaderMap::new();
        for list in ["9.9.9.9", "8.8.8.8, 1.2.3.4"] {
            headers.append(FORWARDED_FOR, list.parse().expect("a header"));
        }
        let proxy = IpAddr::from([10, 0, 0, 1]);
        assert_eq!(client(proxy, &headers, &[proxy]), IpAddr::from([1, 2, 3, 4]));
    }

    #[test]
    fn loopback_has_many_forms() {
        for (address, expected) in [
            ("127.0.0.1", true),
            ("127.9.9.9", true),
            ("::1", true),
            ("::ffff:127.0.0.1", true),
            ("0.0.0.0", false),
            ("::", false),
            ("192.168.1.5", false),
        ] {
            assert_eq!(is_loopback(address.parse().expect(address)), expected, "{address}");
        }
    }
}
