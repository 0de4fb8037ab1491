//! A shard's whole thread on the simulated network: HTTP, sessions, event streams, `/echo`, and the
//! drain, with the real shard and the real ingest thread, in virtual time.
//!
//! * this file: what must hold
//! * `world`: a server without sockets of the system
//! * `client`: a client that does what clients do to servers
//! * `ledger`: checks what a subscriber is sent, by the protocol alone

mod client;
mod ledger;
mod world;

use std::{cell::Cell, rc::Rc, time::Duration};

use rand::{RngExt, SeedableRng};
use tokio::{
    task::{JoinSet, spawn_local},
    time::{Instant, sleep, timeout},
};

use self::{
    client::{Doing, Subscriber, Wire, visit},
    world::World,
};
use crate::simulation::{Faults, Rng, each_seed};

/// Seeds that failed once.
const KEPT: [u64; 1] = [1];

const SUBSCRIBERS: usize = 4;

/// Other connections of a run.
const VISITORS: usize = 24;

/// How long connections fail.
const STORM: Duration = Duration::from_secs(180);

/// Longest time for a subscriber to have everything once nothing fails any more.
const CALM_MAX: Duration = Duration::from_secs(120);

/// Everybody gets everything or is told how much is missing, whatever the network does; no
/// connection outlives its bound; and everything that a connection had is given back.
#[test]
fn what_a_network_does_to_connections_costs_no_update_and_leaves_nothing_behind() {
    let (lost, resumes) = (Cell::new(0), Cell::new(0));
    each_seed(&KEPT, 6, |mut rng| {
        world::run(async {
            let world = Rc::new(World::start(&mut rng));
            let mut clients = JoinSet::new();
            for number in 0..SUBSCRIBERS {
                let subscriber = Subscriber::new(Rc::clone(&world), number, &mut rng);
                clients.spawn_local(world.named(format!("subscriber {number}"), subscriber.run()));
            }
            for number in 0..VISITORS {
                let (visited, mut rng) = (Rc::clone(&world), fork(&mut rng));
                let visit = async move {
                    sleep(STORM.mul_f64(rng.random())).await;
                    visit(&visited, number, &mut rng).await;
                };
                clients.spawn_local(world.named(format!("visitor {number}"), visit));
            }
            let publisher = spawn_local(world::publish(Rc::clone(&world), fork(&mut rng)));
            sleep(STORM).await;
            world.calm.set(true);
            publisher.await.expect("the publisher does not panic");
            world.stop_publishing();
            let all = async {
                while let Some(client) = clients.join_next().await {
                    client.expect("no client finds a fault");
                }
            };
            if timeout(CALM_MAX, all).await.is_err() {
                panic!("there are still {:?}", world.names.borrow());
            }
            world.nothing_is_left().await;
            world.end().await;
            lost.set(lost.get() + world.lost.get());
            resumes.set(resumes.get() + world.resumes.get());
        });
    });
    assert!(lost.get() > 0, "no client has fallen off the tape");
    assert!(resumes.get() > 0, "no client has come back");
}

/// A socket may be full when the session begins, with answers to earlier requests.
#[test]
fn a_client_gets_its_welcome_although_the_socket_was_full() {
    world::run(async {
        let rng = &mut SeedableRng::seed_from_u64(1);
        let world = Rc::new(World::start(rng));
        let full = Faults {
            capacity: 16,
            ..Faults::NONE
        };
        let mut wire = Wire::new(world.connect(0, [Faults::NONE, full], rng).await);
        assert_eq!(wire.upgrade("/ws").await.expect("it is answered"), 101);
        let welcome = timeout(Duration::from_secs(5), wire.frame()).await;
        let (_, welcome) = welcome.expect("it comes").expect("there is one");
        assert!(welcome.starts_with(br#"{"type":"welcome""#));
        world.end().await;
    });
}

/// A server ends in time, whatever its clients do.
#[test]
fn a_drain_ends_within_its_window_and_a_second_whatever_the_clients_do() {
    each_seed(&KEPT, 6, |mut rng| {
        world::run(async {
            let world = Rc::new(World::start(&mut rng));
            let mut clients = JoinSet::new();
            for number in 0..VISITORS {
                let (world, mut rng) = (Rc::clone(&world), fork(&mut rng));
                clients.spawn_local(async move { visit(&world, number, &mut rng).await });
            }
            for doing in Doing::ALL {
                let (world, mut rng) = (Rc::clone(&world), fork(&mut rng));
                let faults = [Faults::lasting(&mut rng), Faults::lasting(&mut rng)];
                clients.spawn_local(async move {
                    doing.run(&world, faults, &mut rng).await;
                });
            }
            sleep(Duration::from_secs(8).mul_f64(rng.random())).await;
            let start = Instant::now();
            let longest = world.settings.drain + Duration::from_secs(1);
            world.end().await;
            // A step of the timers, and the turns of the tasks.
            let slack = Duration::from_millis(100);
            assert!(start.elapsed() <= longest + slack, "{:?}", start.elapsed());
            clients.abort_all();
        });
    });
}

fn fork(rng: &mut Rng) -> Rng {
    SeedableRng::seed_from_u64(rng.random())
}
