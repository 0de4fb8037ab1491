//! No two files of a package may need each other, directly or through others.
//!
//! File A needs file B if A names something that B defines, by an import or by a path. Declaring
//! `mod b;` and re-exporting what B defines are not enough.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    finding::Finding,
    javascript,
    modules::Tree,
    names::definitions,
    project::{Error, Needs, Package, Project},
};

pub(crate) fn check(project: &Project) -> Result<Vec<Finding>, Error> {
    let mut findings = Vec::new();
    for package in &project.packages {
        let mut needs = javascript::needs(project, package);
        for root in roots(project, package) {
            rust_needs(&Tree::read(&project.texts, root)?, &mut needs);
        }
        findings.extend(circles(&needs).iter().map(|circle| finding(circle, &needs)));
    }
    Ok(findings)
}

/// The files where Cargo begins to compile: the library, the programs, benches and examples.
fn roots<'a>(project: &'a Project, package: &'a Package) -> impl Iterator<Item = &'a str> {
    let sources = project.sources(package).map(|(path, _)| path);
    sources.filter(|path| {
        let inside = path[package.folder.len() + 1..].split('/');
        matches!(
            inside.collect::<Vec<_>>()[..],
            ["src", "lib.rs" | "main.rs"]
                | ["src", "bin", _]
                | ["src", "bin", _, "main.rs"]
                | ["benches" | "examples", _]
                | ["benches" | "examples", _, "main.rs"]
        )
    })
}

fn rust_needs(tree: &Tree, needs: &mut Needs) {
    for (id, module) in tree.0.iter().enumerate() {
        for path in &module.mentions {
            for (definer, name) in definitions(tree, id, path) {
                let file = &tree.0[definer].file;
                if *file != module.file {
                    let names = needs
                        .entry((module.file.clone(), file.clone()))
                        .or_default();
                    names.insert(name.to_owned());
                }
            }
        }
    }
}

/// Groups of files in which each file needs all others.
fn circles(needs: &Needs) -> Vec<BTreeSet<&String>> {
    let reach = |start| {
        let mut reached = BTreeSet::new();
        let mut open = vec![start];
        while let Some(file) = open.pop() {
            let next = needs
                .keys()
                .filter(|(from, _)| from == file)
                .map(|(_, to)| to);
            open.extend(next.filter(|to| reached.insert(*to)));
        }
        reached
    };
    let files = needs.keys().map(|(from, _)| from).collect::<BTreeSet<_>>();
    let reached: BTreeMap<_, _> = files.into_iter().map(|file| (file, reach(file))).collect();
    let mut circles = BTreeSet::new();
    for (file, reachable) in &reached {
        if reachable.contains(file) {
            let is_mutual =
                |other: &&&String| reached.get(**other).is_some_and(|back| back.contains(file));
            circles.insert(reachable.iter().filter(is_mutual).copied().collect());
        }
    }
    circles.into_iter().collect()
}

fn finding(circle: &BTreeSet<&String>, needs: &Needs) -> Finding {
    let mut problem = format!(
        "{} files need each other; move what they share to a file that needs none of them",
        circle.len()
    );
    for ((from, to), names) in needs {
        if circle.contains(from) && circle.contains(to) {
            let names = names.iter().cloned().collect::<Vec<_>>().join(", ");
            problem.push_str(&format!("\n    {from} -> {to}: {names}"));
        }
    }
    Finding::new(circle.first().map_or("", |file| file), problem)
}
