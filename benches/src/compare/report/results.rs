//! All results of the comparison, and the files they are written to.

use std::{fs, path::Path};

use anyhow::Context;
use serde::{Deserialize, Serialize};

use super::{
    origin::Origin,
    picture::picture,
    readme,
    table::table,
    targets::{self, targets},
};
use crate::compare::{
    figures::{Figures, Measurement, figures},
    workload::{Entry, Workload},
};

/// The workloads in the picture: those in which all contenders take part.
const DRAWN: [&str; 5] = ["a", "b", "c", "d", "g"];

/// See the module.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Results {
    measurements: Vec<Measurement>,
    /// Measurements that failed, and why.
    pub failures: Vec<String>,
}

/// The results as they are written as JSON.
#[derive(Serialize)]
struct Written<'a> {
    origin: &'a Origin,
    figures: Vec<(&'a str, &'a [Figures])>,
    #[serde(flatten)]
    results: &'a Results,
}

/// The part of the JSON that is read. The figures follow from it.
#[derive(Deserialize)]
struct Read {
    origin: Origin,
    #[serde(flatten)]
    results: Results,
}

impl Results {
    /// Reads the results of an earlier run, and where and how they were measured.
    pub fn read(file: &Path) -> anyhow::Result<(Origin, Self)> {
        let name = || file.display().to_string();
        let json = fs::read_to_string(file).with_context(name)?;
        let Read { origin, results } = serde_json::from_str(&json).with_context(name)?;
        Ok((origin, results))
    }

    /// Adds a measurement, and returns a line about it. A measurement that failed is noted and does
    /// not end the run.
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

    /// Writes the results into the project's README and the benchmarks' own, between their marks.
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
