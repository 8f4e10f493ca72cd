//! How much anybody may ask of the server, so that one client cannot use it up.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use governor::{
    DefaultKeyedRateLimiter, Quota, RateLimiter,
    clock::{Clock, DefaultClock},
};

/// Addresses whose requests are counted one by one. Beyond that, those that have been quiet are forgotten; if that is not
/// enough, new ones are counted together as one.
const ADDRESSES: usize = 16_384;
/// Stands for all addresses that are counted together.
const ALL_OTHERS: IpAddr = IpAddr::V6(Ipv6Addr::UNSPECIFIED);

/// Limits of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Requests per second from one address, on average; 0 is without limit. More are answered by 429.
    pub requests_per_second: u32,
    /// Requests that an address may send at once after it has been quiet; at least 1.
    pub burst: u32,
    /// Connections at once, WebSockets among them. One more is closed at once.
    pub connections: usize,
    /// Connections at once from one address, proxies of ours excepted. One more is closed at once.
    pub connections_per_address: usize,
    /// How long a client may take to send the head of a request, or to make a TLS connection. Then it is closed.
    pub head_patience: Duration,
    /// How long a body may stall. Then the request ends with 408.
    pub body_stall: Duration,
    /// How long a whole body may take. Then the request ends with 408.
    pub body_patience: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            requests_per_second: 100,
            burst: 500,
            connections: 256,
            connections_per_address: 64,
            head_patience: Duration::from_secs(15),
            body_stall: Duration::from_secs(15),
            body_patience: Duration::from_secs(300),
        }
    }
}

/// Counts requests by address.
pub(crate) struct Rate {
    limiter: Option<DefaultKeyedRateLimiter<IpAddr>>,
    clock: DefaultClock,
}

impl Rate {
    pub(crate) fn new(limits: &Limits) -> Self {
        let burst = NonZeroU32::new(limits.burst).unwrap_or(NonZeroU32::MIN);
        let quota = |rate| Quota::per_second(rate).allow_burst(burst);
        let limiter = NonZeroU32::new(limits.requests_per_second).map(|rate| RateLimiter::keyed(quota(rate)));
        Self { limiter, clock: DefaultClock::default() }
    }

    /// Counts a request, or says how long the address has to wait.
    pub(crate) fn take(&self, address: IpAddr) -> Result<(), Duration> {
        let Some(limiter) = &self.limiter else { return Ok(()) };
        let mut counted = address;
        if limiter.len() >= ADDRESSES {
            limiter.retain_recent();
            if limiter.len() >= ADDRESSES {
                counted = ALL_OTHERS;
            }
        }
        limiter.check_key(&counted).map_err(|refused| refused.wait_time_from(self.clock.now()))
    }
}

/// The connections that are open.
#[derive(Clone)]
pub(crate) struct Places {
    open: Arc<Mutex<Open>>,
    all: usize,
    per_address: usize,
}

#[derive(Default)]
struct Open {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// One open connection, given back when dropped.
pub(crate) struct Place {
    address: IpAddr,
    open: Arc<Mutex<Open>>,
}

impl Places {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self { open: Arc::default(), all: limits.connections, per_address: limits.connections_per_address }
    }

    /// A place for a connection from `address`, if there is one. `is_proxy`: many people are behind that address.
    pub(crate) fn take(&self, address: IpAddr, is_proxy: bool) -> Option<Place> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let of_address = open.by_address.get(&address).copied().unwrap_or_default();
        if open.all >= self.all || (of_address >= self.per_address && !is_proxy) {
            return None;
        }
        open.all += 1;
        open.by_address.insert(address, of_address + 1);
        Some(Place { address, open: self.open.clone() })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.all -= 1;
        if let Some(count) = open.by_address.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                open.by_address.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, last])
    }

    #[test]
    fn each_address_has_its_own_count() {
        let rate = Rate::new(&Limits { requests_per_second: 1, burst: 3, ..Limits::default() });
        let taken = |last| (0..10).take_while(|_| rate.take(address(last)).is_ok()).count();
        assert_eq!((taken(1), taken(2)), (3, 3));
        let wait = rate.take(address(1)).expect_err("used up");
        assert!(!wait.is_zero() && wait <= Duration::from_secs(2), "{wait:?}");
        let free = Rate::new(&Limits { requests_per_second: 0, ..Limits::default() });
        assert!((0..10_000).all(|_| free.take(address(1)).is_ok()));
    }

    #[test]
    fn places_are_counted_for_all_and_by_address() {
        let places = Places::new(&Limits { connections: 5, connections_per_address: 2, ..Limits::default() });
        let mut held: Vec<_> = (0..3).filter_map(|_| places.take(address(1), false)).collect();
        assert_eq!(held.len(), 2);
        held.extend((0..2).filter_map(|_| places.take(address(1), true)));
        assert_eq!(held.len(), 4, "a proxy may have more");
        held.extend((0..2).filter_map(|_| places.take(address(2), false)));
        assert_eq!(held.len(), 5);
        assert!(places.take(address(3), false).is_none(), "all are taken");
        held.clear();
        assert!(places.take(address(1), false).is_some());
        assert!(places.open.lock().expect("not poisoned").by_address.is_empty(), "nothing is left behind");
    }
}
