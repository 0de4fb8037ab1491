//! An engine (Podman) builds the image of the container from its last stage, and runs it as
//! docs/install.md shows and as the pod of packaging/kubernetes.yaml.
//!
//! The stage before would make a release build in an image that has to be downloaded. Its commands
//! that fill the image run here as they are, with the program of `TICKCAST_SERVER`, such as a
//! static one, or of this build with the libraries that it needs.

use std::{
    env, fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Value, json};
use tickcast_documents::{commands, output::until};

use crate::{
    booted::Booted,
    built::{block, package, program, project, run},
    container::objects,
    root::Root,
};

/// Where the first stage puts the files of the image.
const FILES: &str = "/root-of-image";

/// The image in the documents and in the description for Kubernetes.
const IMAGE: &str = "tickcast-server:0.1.0";

/// The server of a pod, as Podman calls it.
const IN_POD: &str = "tickcast-0-server";

#[test]
fn an_engine_builds_the_container_and_runs_it_alone_and_as_a_pod() {
    let root = Root::of("packaging/booted.sh");
    let folder = root.path().join("opt/image");
    fs::create_dir(&folder).unwrap();
    let text = containerfile();
    fill(&text, &folder.join("files.tar"));
    let (_, last) = text.split_at(text.rfind("\nFROM ").unwrap());
    let build = format!("FROM scratch AS build\nADD files.tar {FILES}/{last}");
    fs::write(folder.join("Containerfile"), build).unwrap();
    let command = root.bring(&package("tickcast"));
    let system = Booted::start(&root);
    system.run(&["dpkg", "--install", &command]);
    // A system without limits of its own runs the commands of a build as it is.
    let build = ["podman", "build", "--isolation", "chroot", "--tag", IMAGE];
    system.run(&[build.as_slice(), &["/opt/image"]].concat());
    alone(&system);
    as_a_pod(&root, &system);
}

/// As docs/install.md shows.
#[track_caller]
fn alone(system: &Booted<'_>) {
    let text = block("docs/install.md", "podman run");
    let shown = commands("sh", &text);
    let start = shown.iter().find(|line| line.starts_with("podman run"));
    let start = start.unwrap().as_str();
    system.run(&["sh", "-c", start]);
    is_held(system, "tickcast");
    for path in ["/healthz", "/readyz"] {
        is_answered(system, "tickcast", path);
    }
    publish(system, "tickcast");
    has_the_value(system);
    stop(system, "tickcast");

    // Another container has the data of the first one.
    system.run(&["podman", "rm", "tickcast"]);
    system.run(&["sh", "-c", start]);
    is_held(system, "tickcast");
    has_the_value(system);
    system.run(&["podman", "rm", "--force", "--time", "10", "tickcast"]);
}

/// As a StatefulSet makes its first pod and claim.
#[track_caller]
fn as_a_pod(root: &Root, system: &Booted<'_>) {
    let objects = objects();
    let set = &objects["StatefulSet tickcast"]["spec"];
    let claim = &set["volumeClaimTemplates"][0];
    let name = format!("{}-tickcast-0", claim["metadata"]["name"].as_str().unwrap());
    let mut spec = set["template"]["spec"].clone();
    spec["volumes"] = json!([{
        "name": claim["metadata"]["name"],
        "persistentVolumeClaim": { "claimName": name },
    }]);
    let container = &mut spec["containers"][0];
    let probes =
        ["startupProbe", "livenessProbe", "readinessProbe"].map(|key| take(container, key));
    // The machine may not lend the system the control groups of limits.
    take(container, "resources");
    let labels = &set["template"]["metadata"]["labels"];
    let documents = [
        json!({
            "apiVersion": "v1", "kind": "PersistentVolumeClaim",
            "metadata": { "name": name }, "spec": claim["spec"],
        }),
        json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": { "name": "tickcast-0", "labels": labels }, "spec": spec,
        }),
    ];
    let text = documents
        .map(|document| document.to_string())
        .join("\n---\n");
    fs::write(root.path().join("opt/pod.yaml"), text).unwrap();

    system.run(&["podman", "kube", "play", "/opt/pod.yaml"]);
    is_held(system, IN_POD);
    // Podman would ask with a program of the image, which has none. A kubelet asks from outside.
    for probe in probes {
        is_answered(system, IN_POD, probe["httpGet"]["path"].as_str().unwrap());
    }
    publish(system, IN_POD);
    stop(system, IN_POD);
    system.run(&["podman", "kube", "down", "/opt/pod.yaml"]);
    let volume = system.run(&[
        "podman",
        "volume",
        "inspect",
        "--format={{.Mountpoint}}",
        &name,
    ]);
    let kept = system.run(&["ls", &volume]);
    assert!(
        kept.contains("0000000001.seg"),
        "the claim keeps the log: {kept}"
    );
}

/// Takes a member away, which must be there.
#[track_caller]
fn take(container: &mut Value, key: &str) -> Value {
    let found = container.as_object_mut().unwrap().remove(key);
    found.unwrap_or_else(|| panic!("the container has no {key}"))
}

/// The server of the container runs, as a user without rights, in a root that is read-only.
#[track_caller]
fn is_held(system: &Booted<'_>, container: &str) {
    let listens = || {
        let output = in_network(system, container, "tickcast check").output();
        output.unwrap().status.success().then_some(())
    };
    let logs = || system.command(&["podman", "logs", container]).output();
    until(listens).unwrap_or_else(|error| panic!("{error}: {:?}", logs()));
    let process = format!("/proc/{}", state(system, container, "Pid"));
    let status = system.run(&["cat", &format!("{process}/status")]);
    for line in [
        "Uid:\t7400\t7400",
        "CapEff:\t0000000000000000",
        "Seccomp:\t2",
    ] {
        assert!(status.contains(line), "{line:?} is not in:\n{status}");
    }
    let mounts = system.run(&["cat", &format!("{process}/mountinfo")]);
    let mut lines = mounts.lines().map(|line| line.split(' '));
    let is_root = |words: &std::str::Split<'_, char>| words.clone().nth(4) == Some("/");
    let options = lines.find(is_root).unwrap().nth(5).unwrap();
    assert!(options.starts_with("ro"), "{mounts}");
}

/// The address for operators answers as the probes expect.
#[track_caller]
fn is_answered(system: &Booted<'_>, container: &str, path: &str) {
    let ask = format!(
        "exec 3<>/dev/tcp/127.0.0.1/7401\n\
         printf 'GET {path} HTTP/1.1\\r\\nHost: localhost:7401\\r\\nConnection: close\\r\\n\\r\\n' >&3\n\
         cat <&3"
    );
    let answer = run(&mut in_network(system, container, &ask));
    assert!(answer.starts_with("HTTP/1.1 200 "), "{path}: {answer}");
}

/// Publishes a value. Only clients in the network of the container may.
#[track_caller]
fn publish(system: &Booted<'_>, container: &str) {
    run(&mut in_network(
        system,
        container,
        "tickcast pub lab/scale 0.25",
    ));
}

/// The port that the engine publishes leads to the server, and that to what was published.
#[track_caller]
fn has_the_value(system: &Booted<'_>) {
    let latest = system.run(&["tickcast", "latest", "--format", "jsonl", "#"]);
    assert!(latest.contains("\"reading\":0.25"), "{latest}");
}

/// Stops a container: the server drains and ends by itself.
#[track_caller]
fn stop(system: &Booted<'_>, container: &str) {
    system.run(&["podman", "stop", container]);
    assert_eq!(state(system, container, "Running"), "false");
    assert_eq!(state(system, container, "ExitCode"), "0");
    let name = format!("CONTAINER_NAME={container}");
    let journal = ["journalctl", "--no-pager", "--output=cat", &name];
    let has_drained = || system.run(&journal).contains("INFO drained").then_some(());
    until(has_drained).unwrap_or_else(|error| panic!("{error}: {}", system.run(&journal)));
}

/// A shell in the network of a container, with the programs of the system.
fn in_network(system: &Booted<'_>, container: &str, script: &str) -> Command {
    let network = format!("--net=/proc/{}/ns/net", state(system, container, "Pid"));
    system.command(&["nsenter", &network, "bash", "-c", script])
}

/// A member of the state of a container.
#[track_caller]
fn state(system: &Booted<'_>, container: &str, member: &str) -> String {
    let format = format!("--format={{{{.State.{member}}}}}");
    system.run(&["podman", "inspect", &format, container])
}

fn containerfile() -> String {
    fs::read_to_string(project().join("packaging/Containerfile")).unwrap()
}

/// Writes an archive with what the last command of the first stage puts into the image.
fn fill(containerfile: &str, archive: &Path) {
    let work = tempfile::tempdir().unwrap();
    let at = |path: &str| work.path().join(path);
    let text = containerfile.replace("\\\n", " ");
    let mut lines = text.lines().filter_map(|line| line.strip_prefix("RUN "));
    let script = lines.next_back().unwrap();
    let files = at("files");
    let filled = script.replace(FILES, files.to_str().unwrap());
    assert_ne!(filled, script);
    // The program is built already: cargo has nothing to do.
    fs::create_dir(at("bin")).unwrap();
    symlink("/bin/true", at("bin/cargo")).unwrap();
    let target = format!("target/{}-unknown-linux-musl/release", env::consts::ARCH);
    fs::create_dir_all(at(&target)).unwrap();
    let server = server();
    symlink(&server, at(&target).join("tickcast-server")).unwrap();
    let path = format!("{}:{}", at("bin").display(), env::var("PATH").unwrap());
    let shell = |script: &str| {
        let mut command = Command::new("sh");
        command.current_dir(work.path()).env("PATH", &path);
        run(command.args(["-e", "-c", script]))
    };
    shell(&filled);
    // What the program is linked to. A static one needs nothing, which ldd calls an error.
    let libraries = "ldd \"$(realpath target/*/release/tickcast-server)\" | grep -o '/[^ ]*' | \
        xargs --no-run-if-empty cp --parents --dereference --target-directory=files";
    shell(libraries);
    shell(&format!(
        "tar --directory=files --numeric-owner --create --file='{}' .",
        archive.display()
    ));
}

/// The program of the image.
fn server() -> PathBuf {
    match env::var_os("TICKCAST_SERVER") {
        Some(path) => PathBuf::from(path).canonicalize().unwrap(),
        None => program("tickcast-server"),
    }
}
