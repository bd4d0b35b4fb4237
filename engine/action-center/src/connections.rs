//! Which connection is closed when there are too many. Strangers, who have shown no valid token or session on their
//! connection, are closed before known callers, and among equals the one that has been quiet longest. So open
//! connections cannot keep a newcomer out, and no known caller is cut off in the middle of a request.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::source::network;

/// The order in which connections are closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    /// Has shown no valid credential, whether or not a request is under way.
    Stranger,
    /// Has shown one, and is quiet.
    Known,
    /// Has shown one, and waits for an answer. These are never closed.
    Busy,
}

/// All connections of a server.
#[derive(Debug, Default)]
pub(crate) struct Connections(Mutex<Table>);

#[derive(Debug, Default)]
struct Table {
    /// A counter of activity: the higher, the later.
    clock: u64,
    states: HashMap<u64, State>,
    /// Those that were not asked to close: rank, last activity, ID.
    order: BTreeSet<(Rank, u64, u64)>,
    by_address: HashMap<IpAddr, usize>,
}

#[derive(Debug)]
struct State {
    address: IpAddr,
    is_known: bool,
    requests: u32,
    heard: u64,
    close: Arc<Notify>,
}

impl State {
    fn rank(&self) -> Rank {
        match (self.is_known, self.requests) {
            (false, _) => Rank::Stranger,
            (true, 0) => Rank::Known,
            (true, _) => Rank::Busy,
        }
    }
}

impl Connections {
    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a connection from an address.
    pub(crate) fn add(self: &Arc<Self>, address: IpAddr) -> Slot {
        let address = network(address);
        let close = Arc::new(Notify::new());
        let mut table = self.table();
        table.clock += 1;
        let id = table.clock;
        let state = State { address, is_known: false, requests: 0, heard: id, close: Arc::clone(&close) };
        table.order.insert((state.rank(), id, id));
        table.states.insert(id, state);
        *table.by_address.entry(address).or_default() += 1;
        drop(table);
        Slot(Arc::new(Seat { all: Arc::clone(self), id, close }))
    }

    /// The number of connections of an address, without those that were asked to close.
    pub(crate) fn of(&self, address: IpAddr) -> usize {
        self.table().by_address.get(&network(address)).copied().unwrap_or_default()
    }

    /// The number of connections, without those that were asked to close.
    pub(crate) fn open(&self) -> usize {
        self.table().order.len()
    }

    /// Asks the first connection in the order to close, over all or of one address. Returns false if all of them are
    /// busy.
    pub(crate) fn close_one(&self, address: Option<IpAddr>) -> bool {
        let address = address.map(network);
        let mut table = self.table();
        let goes = |id: &u64| address.is_none_or(|address| table.states.get(id).is_some_and(|s| s.address == address));
        let found = table.order.iter().take_while(|entry| entry.0 != Rank::Busy).find(|(_, _, id)| goes(id)).copied();
        let Some(entry) = found else { return false };
        table.leave(entry);
        if let Some(state) = table.states.get(&entry.2) {
            state.close.notify_one();
        }
        true
    }
}

impl Table {
    /// Stops counting a connection, unless it was asked to close before.
    fn leave(&mut self, entry: (Rank, u64, u64)) {
        if !self.order.remove(&entry) {
            return;
        }
        let address = self.states.get(&entry.2).map(|state| state.address);
        if let Some(address) = address
            && let Some(count) = self.by_address.get_mut(&address)
        {
            *count -= 1;
            if *count == 0 {
                self.by_address.remove(&address);
            }
        }
    }

    /// Changes a connection after activity on it.
    fn heard(&mut self, id: u64, change: impl FnOnce(&mut State)) {
        self.clock += 1;
        let Some(state) = self.states.get_mut(&id) else { return };
        let before = (state.rank(), state.heard, id);
        change(state);
        state.heard = self.clock;
        // One that was asked to close stays so.
        if self.order.remove(&before) {
            self.order.insert((state.rank(), state.heard, id));
        }
    }
}

/// The slot of one connection. Its clones share the slot; dropping the last frees it.
#[derive(Debug, Clone)]
pub(crate) struct Slot(Arc<Seat>);

#[derive(Debug)]
struct Seat {
    all: Arc<Connections>,
    id: u64,
    close: Arc<Notify>,
}

impl Slot {
    /// Completes when the connection is to be closed.
    pub(crate) async fn close_requested(&self) {
        self.0.close.notified().await;
    }

    /// Marks the connection as known: a valid token or session was shown on it.
    pub(crate) fn is_known(&self) {
        self.0.all.table().heard(self.0.id, |state| state.is_known = true);
    }

    /// Whether a request is under way.
    pub(crate) fn has_requests(&self) -> bool {
        self.0.all.table().states.get(&self.0.id).is_some_and(|state| state.requests > 0)
    }

    /// Marks a request as begun; it ends when the returned value is dropped.
    pub(crate) fn begin(&self) -> UnderWay {
        self.0.all.table().heard(self.0.id, |state| state.requests += 1);
        UnderWay(self.clone())
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut table = self.all.table();
        if let Some(entry) = table.states.get(&self.id).map(|state| (state.rank(), state.heard, self.id)) {
            table.leave(entry);
            table.states.remove(&self.id);
        }
    }
}

/// A request whose answer has not been sent completely.
#[derive(Debug)]
pub(crate) struct UnderWay(Slot);

impl Drop for UnderWay {
    fn drop(&mut self) {
        let Slot(seat) = &self.0;
        seat.all.table().heard(seat.id, |state| state.requests -= 1);
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    fn address(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    fn closed(slot: &Slot) -> bool {
        slot.close_requested().now_or_never().is_some()
    }

    #[test]
    fn strangers_are_closed_before_known_callers_and_the_oldest_first() {
        let all = Arc::new(Connections::default());
        let slots: Vec<Slot> = (0..5).map(|_| all.add(address(1))).collect();
        slots[0].is_known();
        slots[1].is_known();
        let busy = slots[1].begin();
        let asks = slots[2].begin();
        let order: Vec<usize> = std::iter::from_fn(|| {
            let before: Vec<usize> = (0..5).filter(|&number| closed(&slots[number])).collect();
            assert!(before.is_empty());
            all.close_one(None).then(|| (0..5).find(|&number| closed(&slots[number])).unwrap())
        })
        .collect();
        assert_eq!(order, [3, 4, 2, 0], "the one that waits for an answer is never closed");
        drop((busy, asks));
        assert!(all.close_one(None));
        assert!(closed(&slots[1]));
        assert!(!all.close_one(None), "each is asked to close once");
        drop(slots);
        assert_eq!(all.of(address(1)), 0);
        assert!(all.table().states.is_empty() && all.table().order.is_empty() && all.table().by_address.is_empty());
    }

    #[test]
    fn an_address_at_its_limit_closes_its_own_connections() {
        let all = Arc::new(Connections::default());
        let (one, two) = (all.add(address(1)), all.add(address(2)));
        let mapped = all.add("::ffff:192.0.2.2".parse().unwrap());
        assert_eq!((all.of(address(1)), all.of(address(2))), (1, 2));
        assert!(all.close_one(Some(address(2))));
        assert!(closed(&two) && !closed(&one) && !closed(&mapped));
        assert_eq!((all.of(address(2)), all.open()), (1, 2), "a closing connection does not count");
        drop(two);
        assert_eq!((all.of(address(2)), all.open()), (1, 2));
        assert!(!all.close_one(Some(address(3))));
    }
}
