//! All that a run of the comparison has found, and the files it is written to.

use std::{fs, path::Path};

use anyhow::Context;
use serde::{Deserialize, Serialize};

use super::{
    figures::{Figures, Measurement, figures},
    picture::picture,
    readme::{self, Origin},
    table::table,
    targets::{self, targets},
    workload::{Entry, Workload},
};

/// The workloads in the picture: those that all contenders can do.
const DRAWN: [&str; 5] = ["a", "b", "c", "d", "g"];

/// See the module.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Results {
    measurements: Vec<Measurement>,
    /// Measurements that came to nothing, and why.
    pub failures: Vec<String>,
}

/// What is written as JSON.
#[derive(Serialize)]
struct Written<'a> {
    origin: &'a Origin,
    figures: Vec<(&'a str, &'a [Figures])>,
    #[serde(flatten)]
    results: &'a Results,
}

/// What is read of it: the figures follow from the rest.
#[derive(Deserialize)]
struct Read {
    origin: Origin,
    #[serde(flatten)]
    results: Results,
}

impl Results {
    /// What a run has written, and where and how it was measured.
    pub fn read(file: &Path) -> anyhow::Result<(Origin, Self)> {
        let name = || file.display().to_string();
        let json = fs::read_to_string(file).with_context(name)?;
        let Read { origin, results } = serde_json::from_str(&json).with_context(name)?;
        Ok((origin, results))
    }

    /// Takes in what came of a measurement, and says it in a line. One that failed does not end the
    /// run: what is missing is told.
    pub fn add(
        &mut self,
        Entry {
            contender,
            workload,
        }: Entry<'_>,
        measured: anyhow::Result<Measurement>,
    ) -> String {
        match measured {
            Ok(measured) => {
                let line = measured.line();
                self.measurements.push(measured);
                line
            }
            Err(error) => {
                let (letter, name) = (workload.letter, contender.name());
                let line = format!("({letter}) {name}: {error:#}");
                self.failures.push(line.clone());
                format!("FAILED {line}")
            }
        }
    }

    fn all<'a>(&self, workloads: &'a [Workload]) -> Vec<(&'a Workload, Vec<Figures>)> {
        let of_workload = |workload| (workload, figures(workload, &self.measurements));
        workloads.iter().map(of_workload).collect()
    }

    /// Writes everything into a folder.
    pub fn write(
        &self,
        folder: &Path,
        origin: &Origin,
        workloads: &[Workload],
    ) -> anyhow::Result<()> {
        let all = self.all(workloads);
        let json = Written {
            origin,
            figures: all.iter().map(|(w, f)| (w.letter, &f[..])).collect(),
            results: self,
        };
        let tables: Vec<_> = all.iter().map(|(w, f)| table(w, f)).collect();
        let targets = targets::table(&targets(&all));
        fs::create_dir_all(folder)?;
        fs::write(
            folder.join("results.md"),
            format!("{targets}\n{}", tables.join("\n")),
        )?;
        fs::write(folder.join("results.svg"), draw(&all))?;
        let json = serde_json::to_string_pretty(&json)?;
        Ok(fs::write(folder.join("results.json"), json)?)
    }

    /// Writes what the project's README and the benchmarks' own show, between their marks.
    pub fn write_readmes(
        &self,
        project: &Path,
        origin: &Origin,
        workloads: &[Workload],
    ) -> anyhow::Result<()> {
        let all = self.all(workloads);
        fs::write(project.join("benches/results.svg"), draw(&all))?;
        for (file, text) in [
            ("README.md", readme::digest(&all, origin)),
            (
                "benches/README.md",
                readme::report(&all, origin, &self.failures),
            ),
        ] {
            let file = project.join(file);
            let document = fs::read_to_string(&file)?;
            fs::write(&file, readme::fill(&document, "comparison", &text)?)?;
        }
        Ok(())
    }
}

fn draw(all: &targets::All<'_>) -> String {
    let drawn = all.iter().filter(|(w, _)| DRAWN.contains(&w.letter));
    let blocks: Vec<_> = drawn.map(|(w, figures)| (*w, &figures[..])).collect();
    picture(&blocks)
}
