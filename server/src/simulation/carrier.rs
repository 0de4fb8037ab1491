//! Takes bytes from one end of a connection to the other.

use std::{future::poll_fn, task::Poll, time::Duration};

use rand::RngExt;
use tokio::time::{sleep, timeout};

use super::{
    faults::Rng,
    socket::{Shared, lock},
};

/// What there is to do.
enum Next {
    /// Something is to arrive, after this time.
    After(Duration),
    /// The sender's kernel is to wait for another time.
    OtherLimit,
    /// Nothing will ever arrive.
    Over,
}

/// Carries one direction until its end.
pub(super) async fn carry(wire: Shared, side: usize, mut rng: Rng) {
    let mut carried = 0;
    loop {
        let limit = lock(&wire).ways[side].unread_timeout;
        let waiting = poll_fn(|cx| {
            let mut wire = lock(&wire);
            if wire.is_reset {
                return Poll::Ready(Next::Over);
            }
            let way = &mut wire.ways[side];
            let is_silent = way.faults.silent_after.is_some_and(|at| carried >= at);
            let has_room = way.arrived.len() < way.faults.window || way.is_deaf;
            let has_more = !way.sent.is_empty() && has_room;
            if !is_silent && (has_more || (way.is_ended && way.sent.is_empty())) {
                return Poll::Ready(Next::After(way.faults.pause(&mut rng)));
            }
            if way.unread_timeout != limit {
                return Poll::Ready(Next::OtherLimit);
            }
            way.carrier = Some(cx.waker().clone());
            Poll::Pending
        });
        let next = match limit {
            None => waiting.await,
            Some(limit) => match timeout(limit, waiting).await {
                Ok(next) => next,
                Err(_) if is_unread(&wire, side) => return lock(&wire).reset(),
                Err(_) => Next::OtherLimit,
            },
        };
        match next {
            Next::After(pause) => sleep(pause).await,
            Next::OtherLimit => continue,
            Next::Over => return,
        }
        if deliver(&wire, side, &mut carried, &mut rng) {
            return;
        }
    }
}

/// Whether the sender's kernel has something that the receiver's does not take.
fn is_unread(wire: &Shared, side: usize) -> bool {
    let wire = lock(wire);
    let way = &wire.ways[side];
    way.is_ended || !way.sent.is_empty()
}

/// Lets a piece arrive. Returns whether nothing more will.
fn deliver(wire: &Shared, side: usize, carried: &mut u64, rng: &mut Rng) -> bool {
    let mut wire = lock(wire);
    if wire.is_reset {
        return true;
    }
    let way = &mut wire.ways[side];
    if way.sent.is_empty() {
        if !way.is_ended {
            return false;
        }
        way.is_complete = true;
        way.wake();
        return true;
    }
    let limits = [way.faults.reset_after, way.faults.silent_after];
    let left = limits.into_iter().flatten().min().map(|at| at - *carried);
    let room = way.faults.window.saturating_sub(way.arrived.len());
    let room = if way.is_deaf { way.sent.len() } else { room };
    let most = way.sent.len().min(room).min(way.faults.piece_max);
    let most = most.min(left.map_or(usize::MAX, |left| left as usize));
    let count = if most > 1 {
        rng.random_range(1..=most)
    } else {
        most
    };
    let piece: Vec<u8> = way.sent.drain(..count).collect();
    *carried += count as u64;
    let is_over = way.faults.reset_after.is_some_and(|at| *carried >= at);
    if is_over || (way.is_deaf && count > 0) {
        wire.reset();
        return true;
    }
    way.arrived.extend(piece);
    way.wake();
    false
}
