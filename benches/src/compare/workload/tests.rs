//! The workloads fit each other.

use super::*;
use crate::compare::contender::Contender;

#[test]
fn each_topic_has_as_many_subscribers_as_the_others() {
    let workload = find("e").unwrap();
    let mut subscribers = vec![0; workload.topics as usize];
    for subscriber in 0..workload.subscribers {
        let selection = workload.selection(subscriber);
        for (slot, topic) in selection.iter().enumerate() {
            assert_eq!(selection.slot(topic), Some(slot as u64));
            subscribers[topic as usize] += 1;
        }
    }
    assert_eq!(subscribers, vec![workload.fan_out() as u32; 1000]);
    assert_eq!(workload.selection(0).slot(50), None);
}

#[test]
fn as_many_subscribers_stall_as_the_workload_says() {
    let workload = ALL.iter().find(|workload| workload.stalled > 0).unwrap();
    let stalled = (0..workload.subscribers).filter(|&subscriber| workload.stalls(subscriber));
    assert_eq!(stalled.count(), workload.stalled);
}

#[test]
fn workloads_with_turns_are_measured_in_groups_and_others_alone() {
    let contenders = [Contender::TickcastBincode, Contender::Nats];
    let groups = turn_groups(&ALL, &contenders);
    let of_group = |group: &Vec<Entry<'_>>| -> Vec<_> {
        group
            .iter()
            .map(|entry| (entry.workload.letter, entry.contender))
            .collect()
    };
    let names: Vec<_> = groups.iter().map(of_group).collect();
    let [bincode, nats] = contenders;
    let in_turn = |letter: &'static str, variants: &[&'static str]| -> Vec<_> {
        let variants = variants.iter().map(|variant| (*variant, bincode));
        let own = [(letter, bincode), (letter, nats)];
        own.into_iter().chain(variants).collect()
    };
    assert_eq!(
        names[0],
        in_turn("a", &["a-log", "a-tls", "a-tls-4k", "a-two"])
    );
    assert_eq!(names[1], in_turn("b", &["b-few", "b-tls"]));
    assert_eq!(names[2], in_turn("c", &["c-log", "c-tls"]));
    assert_eq!(names[3], [("d", bincode), ("d", nats)]);
    assert_eq!(names[4], [("e", bincode)]);
    assert_eq!(names[5], [("e", nats)]);
    let entries: usize = names.iter().map(Vec::len).sum();
    let wanted = ALL.iter().flat_map(|workload| workload.contenders);
    assert_eq!(entries, wanted.filter(|c| contenders.contains(c)).count());
}

#[test]
fn letters_are_unique_and_missing_contenders_have_a_reason() {
    for (at, workload) in ALL.iter().enumerate() {
        assert!(ALL[..at].iter().all(|w| w.letter != workload.letter));
        assert!(workload.contenders.contains(&workload.reference));
        let is_for_all = workload.contenders.len() == Contender::PLAIN.len();
        assert_eq!(workload.others.is_empty(), is_for_all);
    }
}
