//! The container and its description for Kubernetes fit the server: settings, ports, paths, user.
//!
//! No container runs here. The tests start the server with the same settings. `engine` runs it.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, Command, Stdio},
    time::Duration,
};

use serde_json::Value;

use crate::built::{program, project, run};

/// Longest wait for an answer, on a machine with other work.
const DEADLINE: Duration = Duration::from_secs(60);

/// What the server may take beyond its drain, see docs/operations.md: "a few seconds".
const BEYOND_DRAIN_S: u64 = 10;

/// The instructions of the last stage: name, and the rest of the line.
fn instructions() -> Vec<(String, String)> {
    let text = fs::read_to_string(project().join("packaging/Containerfile")).unwrap();
    let text = text.replace("\\\n", " ");
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let lines = lines.filter_map(|line| line.split_once(' '));
    let mut all: Vec<(String, String)> = lines
        .map(|(name, rest)| (name.to_owned(), rest.trim().to_owned()))
        .collect();
    let last = all.iter().rposition(|(name, _)| name == "FROM").unwrap();
    all.split_off(last)
}

/// The value of an instruction that is there once.
fn instruction(name: &str) -> String {
    let mut found = instructions();
    found.retain(|(of, _)| of == name);
    assert_eq!(found.len(), 1, "{name}");
    found.remove(0).1
}

fn environment() -> BTreeMap<String, String> {
    let pairs = instruction("ENV");
    let pairs = pairs
        .split_whitespace()
        .map(|pair| pair.split_once('=').unwrap());
    pairs
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// The objects of the description, by kind and name.
pub(crate) fn objects() -> BTreeMap<String, Value> {
    let script = "import json, sys, yaml\n\
        print(json.dumps(list(yaml.safe_load_all(open(sys.argv[1])))))";
    let path = project().join("packaging/kubernetes.yaml");
    let text = run(Command::new("/usr/bin/python3")
        .args(["-c", script])
        .arg(path));
    let all: Vec<Value> = serde_json::from_str(&text).unwrap();
    let name = |object: &Value| {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        format!(
            "{} {}",
            text(&object["kind"]),
            text(&object["metadata"]["name"])
        )
    };
    all.into_iter()
        .map(|object| (name(&object), object))
        .collect()
}

/// The arguments of the server's container.
fn arguments(container: &Value) -> Vec<String> {
    let list = container["args"].as_array().unwrap();
    list.iter()
        .map(|word| word.as_str().unwrap().to_owned())
        .collect()
}

fn argument<'a>(arguments: &'a [String], flag: &str) -> &'a str {
    let start = format!("--{flag}=");
    let mut values = arguments
        .iter()
        .filter_map(|word| word.strip_prefix(&start));
    values
        .next()
        .unwrap_or_else(|| panic!("there is no --{flag}"))
}

#[test]
fn the_server_knows_every_setting_of_the_container() {
    let variables = environment();
    let mut command = Command::new(program("tickcast-server"));
    command.arg("--check").env_clear().envs(&variables);
    let answer = run(&mut command);
    assert!(answer.contains("listen on 0.0.0.0:7400"), "{answer}");
    assert!(
        answer.contains("answer operators on 0.0.0.0:7401"),
        "{answer}"
    );
    assert!(
        answer.contains("keep updates on disk in /var/lib/tickcast"),
        "{answer}"
    );

    assert_eq!(instruction("VOLUME"), variables["TICKCAST_DATA"]);
    assert_eq!(instruction("EXPOSE"), "7400 7401");
    assert_eq!(instruction("STOPSIGNAL"), "SIGTERM");
    assert_eq!(instruction("ENTRYPOINT"), "[\"/usr/bin/tickcast-server\"]");
    // A variable that is unknown is a warning at the start, but an error of --check.
    command.env("TICKCAST_LISTN", ":7400");
    assert!(!command.output().unwrap().status.success());
}

#[test]
fn the_description_for_kubernetes_fits_the_server_and_the_container() {
    let objects = objects();
    let set = &objects["StatefulSet tickcast"]["spec"];
    let pod = &set["template"]["spec"];
    let container = &pod["containers"][0];
    let arguments = arguments(container);
    run(Command::new(program("tickcast-server"))
        .arg("--check")
        .args(&arguments)
        .env_clear());

    // Ports: those of the settings, under the names that everything else uses.
    let port = |name: &str| {
        let ports = container["ports"].as_array().unwrap();
        let found = ports.iter().find(|port| port["name"] == name);
        found.unwrap_or_else(|| panic!("no port {name}"))["containerPort"]
            .as_u64()
            .unwrap()
    };
    let listen = format!(":{}", port("clients"));
    assert_eq!(argument(&arguments, "listen"), listen);
    let admin = format!(":{}", port("operators"));
    assert_eq!(argument(&arguments, "admin"), admin);
    for (service, name) in [
        ("Service tickcast", "clients"),
        ("Service tickcast-operators", "operators"),
    ] {
        let spec = &objects[service]["spec"];
        assert_eq!(spec["ports"][0]["targetPort"], name);
        assert_eq!(spec["ports"][0]["port"].as_u64().unwrap(), port(name));
        let labels = &set["template"]["metadata"]["labels"];
        assert_eq!(&spec["selector"], labels, "{service} finds the pods");
        assert_eq!(&set["selector"]["matchLabels"], labels);
    }
    assert_eq!(set["serviceName"], "tickcast-operators");

    // Data: on the claim, writable for the user of the container.
    let mount = &container["volumeMounts"][0];
    assert_eq!(mount["mountPath"], argument(&arguments, "data"));
    assert_eq!(mount["mountPath"], environment()["TICKCAST_DATA"].as_str());
    let claim = &set["volumeClaimTemplates"][0]["metadata"]["name"];
    assert_eq!(&mount["name"], claim);
    let context = &pod["securityContext"];
    let [user, group] = ["runAsUser", "runAsGroup"].map(|key| context[key].as_u64().unwrap());
    assert_eq!(instruction("USER"), format!("{user}:{group}"));
    assert_eq!(context["fsGroup"].as_u64().unwrap(), group);
    assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], true);

    // The end: the wait, the drain and some seconds fit into the grace period.
    let wait = container["lifecycle"]["preStop"]["sleep"]["seconds"]
        .as_u64()
        .unwrap();
    let drain = argument(&arguments, "drain").strip_suffix('s').unwrap();
    let needed = wait + drain.parse::<u64>().unwrap() + BEYOND_DRAIN_S;
    let grace = pod["terminationGracePeriodSeconds"].as_u64().unwrap();
    assert!(needed <= grace, "{needed} s do not fit into {grace} s");

    check_probes(container, &arguments);
}

/// A server with these arguments answers the probes.
fn check_probes(container: &Value, arguments: &[String]) {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(arguments, data.path().to_str().unwrap());
    for name in ["startupProbe", "livenessProbe", "readinessProbe"] {
        let get = &container[name]["httpGet"];
        assert_eq!(get["port"], "operators", "{name}");
        let answer = server.get(get["path"].as_str().unwrap());
        assert!(answer.starts_with("HTTP/1.1 200 "), "{name}: {answer}");
    }
}

/// A server on free ports. It ends with the value.
struct Server {
    process: Child,
    admin: String,
}

impl Server {
    fn start(arguments: &[String], data: &str) -> Self {
        let mut command = Command::new(program("tickcast-server"));
        command
            .env_clear()
            .stdin(Stdio::null())
            .stderr(Stdio::piped());
        for word in arguments {
            let (flag, _) = word.split_once('=').unwrap();
            match flag {
                "--listen" | "--admin" => command.arg(format!("{flag}=127.0.0.1:0")),
                "--data" => command.arg(format!("{flag}={data}")),
                _ => command.arg(word),
            };
        }
        let mut process = command.spawn().unwrap();
        let log = BufReader::new(process.stderr.take().unwrap());
        let admin = String::new();
        let mut server = Self { process, admin };
        let mut seen = String::new();
        for line in log.lines().map_while(Result::ok) {
            if let Some((_, url)) = line.split_once("operators: http://") {
                url.split('/').next().unwrap().clone_into(&mut server.admin);
            }
            // It names the address for operators first.
            if line.contains("listening on ") {
                return server;
            }
            seen.push_str(&line);
        }
        panic!("the server ends: {seen}");
    }

    /// What it answers at the address for operators, as a kubelet asks.
    fn get(&self, path: &str) -> String {
        let mut socket = TcpStream::connect(&self.admin).unwrap();
        socket.set_read_timeout(Some(DEADLINE)).unwrap();
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\nUser-Agent: kube-probe/1.30\r\n\
             Connection: close\r\n\r\n",
            self.admin
        );
        socket.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        answer
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
