//! The topics of Sparkplug (section 4.1).

/// The first level of all topics of Sparkplug B (4.1.1).
const NAMESPACE: &str = "spBv1.0";

/// What a topic of Sparkplug is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Address<'a> {
    /// `spBv1.0/STATE/HOST`: whether a host application is online.
    State { host: &'a str },
    /// `spBv1.0/GROUP/TYPE/NODE[/DEVICE]`.
    Edge {
        group: &'a str,
        node: &'a str,
        /// The device; `None` for the messages of the node itself.
        device: Option<&'a str>,
        kind: Kind,
    },
}

/// The kind of a message (4.1.3), whether it is about a node or a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Birth,
    Data,
    Death,
    /// From a host to a node: not for this host.
    Command,
}

impl<'a> Address<'a> {
    /// Reads a topic. `None` if it does not follow the grammar, whatever its first level.
    pub(super) fn parse(topic: &'a str) -> Option<Self> {
        let rest = topic.strip_prefix(NAMESPACE)?.strip_prefix('/')?;
        let mut levels = rest.split('/');
        let (group, kind) = (levels.next()?, levels.next()?);
        let (node, device) = (levels.next(), levels.next());
        if levels.next().is_some() || rest.split('/').any(str::is_empty) {
            return None;
        }
        let Some(node) = node else {
            return (group == "STATE").then_some(Self::State { host: kind });
        };
        let (is_device, kind) = match kind {
            "NBIRTH" => (false, Kind::Birth),
            "NDATA" => (false, Kind::Data),
            "NDEATH" => (false, Kind::Death),
            "NCMD" => (false, Kind::Command),
            "DBIRTH" => (true, Kind::Birth),
            "DDATA" => (true, Kind::Data),
            "DDEATH" => (true, Kind::Death),
            "DCMD" => (true, Kind::Command),
            _ => return None,
        };
        (device.is_some() == is_device).then_some(Self::Edge {
            group,
            node,
            device,
            kind,
        })
    }
}

/// The filter that selects all messages of Sparkplug.
pub(in crate::feed) fn all_filter() -> String {
    format!("{NAMESPACE}/#")
}

/// Whether a filter selects messages of Sparkplug only.
pub(in crate::feed) fn is_own_filter(filter: &str) -> bool {
    filter.split('/').next() == Some(NAMESPACE)
}

/// The topic where a host says whether it is online (4.2.3).
pub(in crate::feed) fn state_topic(host: &str) -> String {
    format!("{NAMESPACE}/STATE/{host}")
}

/// The topic of commands to a node (4.2.1.7).
pub(super) fn command_topic(group: &str, node: &str) -> String {
    format!("{NAMESPACE}/{group}/NCMD/{node}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_topics_of_the_grammar_are_addresses() {
        let edge = |device, kind| {
            Some(Address::Edge {
                group: "G",
                node: "E",
                device,
                kind,
            })
        };
        for (topic, expected) in [
            ("spBv1.0/G/NBIRTH/E", edge(None, Kind::Birth)),
            ("spBv1.0/G/NDATA/E", edge(None, Kind::Data)),
            ("spBv1.0/G/NDEATH/E", edge(None, Kind::Death)),
            ("spBv1.0/G/NCMD/E", edge(None, Kind::Command)),
            ("spBv1.0/G/DBIRTH/E/D", edge(Some("D"), Kind::Birth)),
            ("spBv1.0/G/DDATA/E/D", edge(Some("D"), Kind::Data)),
            ("spBv1.0/G/DDEATH/E/D", edge(Some("D"), Kind::Death)),
            ("spBv1.0/G/DCMD/E/D", edge(Some("D"), Kind::Command)),
            ("spBv1.0/STATE/h", Some(Address::State { host: "h" })),
            ("spBv1.0/G/NDATA", None),
            ("spBv1.0/G/NDATA/E/D", None),
            ("spBv1.0/G/DDATA/E", None),
            ("spBv1.0/G/DDATA/E/D/x", None),
            ("spBv1.0/G/ndata/E", None),
            ("spBv1.0/G/OTHER/E", None),
            ("spBv1.0//NDATA/E", None),
            ("spBv1.0/G/DDATA/E/", None),
            ("spBv1.0", None),
            ("spAv1.0/G/NDATA/E", None),
            ("STATE/h", None),
            ("x/spBv1.0/G/NDATA/E", None),
        ] {
            assert_eq!(Address::parse(topic), expected, "{topic}");
        }
    }
}
