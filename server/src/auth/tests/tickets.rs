//! Tickets in virtual time.

use std::{collections::HashSet, sync::Arc, time::Duration};

use crate::{
    auth::tickets::{TICKET_LIFE, TicketError, Tickets},
    testing::identities::identity,
};

#[test]
fn a_ticket_is_good_once() {
    let mut tickets = Tickets::default();
    let (alice, bob) = (identity("alice"), identity("bob"));
    let now = Duration::from_secs(7);
    let first = tickets.issue(Arc::clone(&alice), now).unwrap();
    let second = tickets.issue(Arc::clone(&bob), now).unwrap();
    assert_ne!(first, second);
    assert_eq!(tickets.redeem(&second, now), Some(bob));
    assert_eq!(tickets.redeem(&second, now), None);
    assert_eq!(tickets.redeem("tck_wrong", now), None);
    let last = now + TICKET_LIFE - Duration::from_nanos(1);
    assert_eq!(tickets.redeem(&first, last), Some(alice));
    assert_eq!(tickets.redeem(&first, last), None);
}

#[test]
fn a_ticket_that_was_not_used_in_time_is_worth_nothing() {
    let mut tickets = Tickets::default();
    let now = Duration::from_secs(7);
    let ticket = tickets.issue(identity("alice"), now).unwrap();
    assert_eq!(tickets.redeem(&ticket, now + TICKET_LIFE), None);
}

#[test]
fn one_subject_leaves_room_for_others_and_gets_tickets_again_later() {
    let mut tickets = Tickets::default();
    let now = Duration::from_secs(7);
    let mut made = HashSet::new();
    for _ in 0..100 {
        let ticket = tickets.issue(identity("alice"), now).unwrap();
        // A used one counts as well: it is the rate that is limited.
        tickets.redeem(&ticket, now);
        assert!(made.insert(ticket));
    }
    let refused = tickets.issue(identity("alice"), now);
    assert_eq!(refused, Err(TicketError::OfSubject));
    tickets.issue(identity("bob"), now).unwrap();
    let later = now + TICKET_LIFE;
    tickets.issue(identity("alice"), later).unwrap();
    for subject in 0..100 {
        for _ in 0..100 {
            let issued = tickets.issue(identity(&subject.to_string()), later);
            if let Err(error) = issued {
                assert_eq!((error, subject), (TicketError::Full, 99));
            }
        }
    }
    assert_eq!(
        tickets.issue(identity("bob"), later),
        Err(TicketError::Full)
    );
    tickets.issue(identity("bob"), later + TICKET_LIFE).unwrap();
}

#[test]
fn a_subject_gets_one_more_for_each_ticket_that_is_over() {
    let mut tickets = Tickets::default();
    let (first, later) = (Duration::ZERO, Duration::from_secs(10));
    let mut issue = |now| tickets.issue(identity("alice"), now).map(|_| ());
    assert_eq!(issue(first), Ok(()));
    for _ in 1..100 {
        assert_eq!(issue(later), Ok(()));
    }
    // The first one is over, and the others are not.
    let now = first + TICKET_LIFE;
    assert_eq!(issue(now), Ok(()));
    assert_eq!(issue(now), Err(TicketError::OfSubject));
}
