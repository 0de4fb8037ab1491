//! Messages and checkpoints of a cluster.

use std::time::Duration;

use tickcast_cluster::{
    Begins, Body, Checkpoint, Delivered, Digest, Join, MESSAGE_MAX_BYTES, MemberId, Message, Node,
    NodeSettings, Proof, Read, Replica,
};
use tickcast_core::sequencer::Sequencer;
use tickcast_protocol::message::{Epoch, TimeNs};

/// Most topics: some mutations have more.
const TOPICS_MAX: usize = 10;

const START_NS: TimeNs = 1_700_000_000_000_000_000;

/// The member whose messages count.
const MEMBER: MemberId = MemberId(7);

/// A message of any bytes. What can be read is the same after writing and reading it again, and
/// numbers in it have one form that is the shortest. Any message of a member can be applied, and a
/// replica that begins with the checkpoint after it goes on as the one that has read it.
pub fn cluster_message(bytes: &[u8]) {
    let mut node = member();
    let read = deliver(&mut node, 2, bytes);
    let Ok(message) = Message::decode(bytes) else {
        assert!(read.is_none_or(|read| read.strips.is_empty()));
        return;
    };
    assert!(bytes.len() <= 1 + MESSAGE_MAX_BYTES);
    let written = message.encode();
    assert!(written.len() <= bytes.len());
    if written.len() == bytes.len() {
        assert_eq!(written, bytes);
    }
    // Compare the bytes, because NaN is not equal to itself.
    let again = Message::decode(&written).expect("it was written by us");
    assert_eq!(again.encode(), written);

    // What the member says counts only if it has read what is there.
    let proof = member().replica().chain().last();
    let body = match message.body {
        Body::Work { items, .. } => Body::Work { number: 1, items },
        body => body,
    };
    let from = MEMBER;
    let mut node = member();
    let bytes = Message { from, proof, body }.encode();
    deliver(&mut node, 2, &bytes);
    check_going_on(node);
}

/// A checkpoint of any bytes. A replica that begins with it can be asked for another one, which
/// begins an equal replica.
pub fn cluster_checkpoint(bytes: &[u8]) {
    let Ok(checkpoint) = Checkpoint::decode(bytes) else {
        return;
    };
    let replica = Replica::resume(Sequencer::new(TOPICS_MAX), checkpoint);
    replica.newest().restored().for_each(drop);
    let written = replica.checkpoint();
    assert_eq!(resumed(&written).checkpoint(), written);
}

/// A replica that begins with a checkpoint of another one.
fn resumed(checkpoint: &[u8]) -> Replica {
    let checkpoint = Checkpoint::decode(checkpoint).expect("it was written by us");
    Replica::resume(Sequencer::new(TOPICS_MAX), checkpoint)
}

/// A node that has read that [`MEMBER`] has begun, and has its only feed.
fn member() -> Node {
    let join = Message {
        from: MEMBER,
        proof: Proof {
            sequence: 0,
            digest: Digest::default(),
        },
        body: Body::Join(Join {
            node: "n".to_owned(),
            feeds: vec!["f".to_owned()],
            rules: 5,
            begins: Some(Begins::Alone { epoch: Epoch(9) }),
        }),
    };
    let mut node = node(Replica::new(Sequencer::new(TOPICS_MAX)));
    deliver(&mut node, 1, &join.encode()).expect("it is of this version");
    node
}

fn node(replica: Replica) -> Node {
    let settings = NodeSettings {
        node: "m".to_owned(),
        feeds: Vec::new(),
        rules: 5,
        seed: 1,
    };
    Node::new(settings, replica, None)
}

/// `None` means that the node refuses to read on.
fn deliver(node: &mut Node, sequence: u64, bytes: &[u8]) -> Option<Read> {
    let delivered = Delivered {
        sequence,
        time_ns: START_NS + sequence as TimeNs,
        bytes,
    };
    node.read(delivered, Duration::from_millis(sequence)).ok()
}

/// A replica of the checkpoint makes the same of the next message.
fn check_going_on(mut node: Node) {
    let checkpoint = node.replica().checkpoint();
    let replica = resumed(&checkpoint);
    assert_eq!(replica.checkpoint(), checkpoint);
    let mut other = self::node(replica);
    let next = Message {
        from: MEMBER,
        proof: node.replica().chain().last(),
        body: Body::Beat,
    };
    let made = [&mut node, &mut other].map(|node| {
        deliver(node, 3, &next.encode());
        node.replica().chain().last()
    });
    assert_eq!(made[0], made[1]);
}
