//! Finds the module that defines what a path names.

use crate::modules::{Binding, ModuleId, Segments, Tree};

/// What a path leads to.
#[derive(Clone, Copy, Debug)]
enum Target<'a> {
    Module(ModuleId),
    /// Something that this module defines by this name.
    ItemOf(ModuleId, &'a str),
}

/// What `path` names inside of the module `from`: the modules that define it, and its name there.
/// Several if a type and a function share a name; none if it is a module, a local variable or from
/// another crate.
pub(crate) fn definitions<'a>(
    tree: &'a Tree,
    from: ModuleId,
    path: &[String],
) -> Vec<(ModuleId, &'a str)> {
    let mut resolver = Resolver {
        tree,
        followed: Vec::new(),
    };
    let targets = resolver.resolve(from, path).into_iter();
    let item = |target| match target {
        Target::ItemOf(module, name) => Some((module, name)),
        Target::Module(_) => None,
    };
    targets.filter_map(item).collect()
}

struct Resolver<'a> {
    tree: &'a Tree,
    /// Imports that are being followed: one that leads back to itself ends there.
    followed: Vec<&'a Segments>,
}

impl<'a> Resolver<'a> {
    fn resolve(&mut self, from: ModuleId, path: &[String]) -> Vec<Target<'a>> {
        let mut targets = vec![Target::Module(from)];
        for segment in path {
            let step = |target| match (target, segment.as_str()) {
                (Target::ItemOf(..), _) | (Target::Module(_), "self") => vec![target],
                (Target::Module(_), "crate") => vec![Target::Module(0)],
                (Target::Module(id), "super") => vec![Target::Module(self.tree.0[id].parent)],
                (Target::Module(id), name) => self.look_up(id, name),
            };
            targets = targets.into_iter().flat_map(step).collect();
        }
        targets
    }

    /// What `name` stands for in a module: its own names first, then those of its glob imports.
    fn look_up(&mut self, id: ModuleId, name: &str) -> Vec<Target<'a>> {
        let module = &self.tree.0[id];
        let mut targets = Vec::new();
        if let Some((name, bindings)) = module.names.get_key_value(name) {
            for binding in bindings {
                match binding {
                    Binding::Item => targets.push(Target::ItemOf(id, name)),
                    Binding::Child(child) => targets.push(Target::Module(*child)),
                    Binding::Import(path) => targets.extend(self.follow(id, path, None)),
                }
            }
        }
        // A module does not hide a function of its name that a glob import brings.
        if !targets
            .iter()
            .any(|target| matches!(target, Target::ItemOf(..)))
        {
            let globs = module.globs.iter();
            targets.extend(globs.flat_map(|glob| self.follow(id, glob, Some(name))));
        }
        targets
    }

    /// What an import leads to, or what it leads to by a name inside of that.
    fn follow(&mut self, id: ModuleId, path: &'a Segments, name: Option<&str>) -> Vec<Target<'a>> {
        let mut followed = self.followed.iter();
        if followed.any(|followed| std::ptr::eq(*followed, path)) {
            return Vec::new();
        }
        self.followed.push(path);
        let mut targets = self.resolve(id, path);
        if let Some(name) = name {
            let inside = |target| match target {
                Target::Module(inside) => self.look_up(inside, name),
                Target::ItemOf(..) => Vec::new(),
            };
            targets = targets.into_iter().flat_map(inside).collect();
        }
        self.followed.pop();
        targets
    }
}
