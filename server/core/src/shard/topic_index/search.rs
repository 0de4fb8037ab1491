//! A search for the topics of a filter, which can be interrupted after any number of steps.

use smallvec::SmallVec;
use tickcast_protocol::{message::TopicId, topic::Filter};

use super::{
    is_hidden,
    topic_tree::{LOOKUP_STEPS, LevelIndex, NONE, NodeIndex, ROOT, TopicTree},
};
use crate::shard::steps::Steps;

/// Steps of a topic that was found, besides those of its node: the finder enters it in lists.
const FOUND_STEPS: usize = 2;

/// A search for the topics of a filter. It finds those that existed when it began, each once.
/// Topics that are added while it is interrupted are not found.
///
/// The search goes down from the filter's leading levels without wildcards. If a later level
/// without wildcards has fewer nodes than there are topics below, the search takes these nodes one
/// by one instead, checks the levels above each, and goes down from there.
#[derive(Debug)]
pub struct Search {
    levels: SmallVec<[Wanted; 4]>,
    /// Whether the filter ends with `#`.
    has_rest: bool,
    /// Number of topics when the search began.
    topics: TopicId,
    /// Where to go on; the last entry is the next.
    open: SmallVec<[Open; 4]>,
}

/// What a filter wants of a level.
#[derive(Debug, Clone, Copy)]
enum Wanted {
    Any,
    Level(LevelIndex),
}

/// Nodes that the search has yet to visit, and the number of wanted levels that they match. After
/// the last wanted level everything matches.
#[derive(Debug, Clone, Copy)]
enum Open {
    /// One node, which matches `depth` levels.
    Node { node: NodeIndex, depth: usize },
    /// A node and its later siblings; the nodes above match `depth` levels.
    Siblings { node: NodeIndex, depth: usize },
    /// A node and the later ones of its level, which is the one at `depth`. The levels above are
    /// not checked yet.
    Same { node: NodeIndex, depth: usize },
}

impl Search {
    /// Begins a search.
    pub(crate) fn new(tree: &TopicTree, filter: &Filter, steps: &mut Steps) -> Self {
        let mut search = Self {
            levels: SmallVec::new(),
            has_rest: false,
            topics: tree.len(),
            open: SmallVec::new(),
        };
        // Without a start there is nothing to find.
        let start = search.plan(tree, filter, steps);
        search.open.extend(start);
        search
    }

    /// Reads the filter, and returns where to start.
    fn plan(&mut self, tree: &TopicTree, filter: &Filter, steps: &mut Steps) -> Option<Open> {
        // The end of the leading levels without wildcards.
        let (mut top, mut top_depth) = (ROOT, 0);
        let mut rarest: Option<(u32, Open)> = None;
        for (depth, text) in filter.as_str().split('/').enumerate() {
            match text {
                "#" => self.has_rest = true,
                "+" => self.levels.push(Wanted::Any),
                text => {
                    steps.take(LOOKUP_STEPS);
                    let index = tree.level_index(depth, text)?;
                    self.levels.push(Wanted::Level(index));
                    if top_depth == depth {
                        steps.take(LOOKUP_STEPS);
                        top = tree.child(top, index)?;
                        top_depth += 1;
                        continue;
                    }
                    let level = tree.level(index);
                    if rarest.is_none_or(|(fewest, _)| level.nodes < fewest) {
                        let node = level.first_node;
                        rarest = Some((level.nodes, Open::Same { node, depth }));
                    }
                }
            }
        }
        if !tree.has_depth(self.levels.len(), self.has_rest) {
            return None;
        }
        match rarest {
            Some((nodes, same)) if nodes < tree.node(top).topics => Some(same),
            _ => Some(Open::Node {
                node: top,
                depth: top_depth,
            }),
        }
    }

    /// Goes on while there are steps, and passes each topic to `found`. Returns whether the search
    /// is over.
    pub(crate) fn advance(
        &mut self,
        tree: &TopicTree,
        steps: &mut Steps,
        mut found: impl FnMut(TopicId),
    ) -> bool {
        while let Some(&open) = self.open.last() {
            if steps.are_spent() {
                return false;
            }
            steps.take(1);
            self.open.pop();
            match open {
                Open::Node { node, depth } => self.descend(node, depth, tree, steps, &mut found),
                Open::Siblings { node, depth } => {
                    let next = tree.node(node).next_sibling;
                    self.push(Open::Siblings { node: next, depth });
                    if tree.node(node).parent != ROOT || !is_hidden(tree.text(node)) {
                        self.descend(node, depth + 1, tree, steps, &mut found);
                    }
                }
                Open::Same { node, depth } => {
                    let next = tree.node(node).next_same;
                    self.push(Open::Same { node: next, depth });
                    if self.matches_above(node, depth, tree, steps) {
                        self.descend(node, depth + 1, tree, steps, &mut found);
                    }
                }
            }
        }
        true
    }

    /// Visits a node that matches the first `depth` levels, and all that follows without a choice.
    fn descend(
        &mut self,
        mut node: NodeIndex,
        mut depth: usize,
        tree: &TopicTree,
        steps: &mut Steps,
        found: &mut impl FnMut(TopicId),
    ) {
        while depth < self.levels.len() {
            match self.levels[depth] {
                Wanted::Any => {
                    let node = tree.node(node).first_child;
                    return self.push(Open::Siblings { node, depth });
                }
                Wanted::Level(level) => {
                    steps.take(LOOKUP_STEPS);
                    match tree.child(node, level) {
                        Some(child) => node = child,
                        None => return,
                    }
                }
            }
            depth += 1;
        }
        let topic = tree.node(node).topic;
        if topic != NONE && topic < self.topics {
            steps.take(FOUND_STEPS);
            found(topic);
        }
        // "#" matches its parent and every level below it.
        if self.has_rest {
            self.push(Open::Siblings {
                node: tree.node(node).first_child,
                depth: self.levels.len(),
            });
        }
    }

    /// Whether the nodes above a node of the level at `depth` match the levels before it.
    fn matches_above(
        &self,
        node: NodeIndex,
        depth: usize,
        tree: &TopicTree,
        steps: &mut Steps,
    ) -> bool {
        let mut above = node;
        self.levels[..depth].iter().rev().all(|wanted| {
            steps.take(1);
            above = tree.node(above).parent;
            match *wanted {
                Wanted::Any => tree.node(above).parent != ROOT || !is_hidden(tree.text(above)),
                Wanted::Level(level) => tree.node(above).level == level,
            }
        })
    }

    fn push(&mut self, open: Open) {
        let (Open::Node { node, .. } | Open::Siblings { node, .. } | Open::Same { node, .. }) =
            open;
        if node != NONE {
            self.open.push(open);
        }
    }
}
