//! System calls: which ones a unit allows, and which ones a process has made.

use std::collections::BTreeSet;

/// Resolves the values of `SystemCallFilter=`: names of calls and of groups such as
/// `@system-service`; a value that begins with `~` takes its calls away. `members` returns the
/// members of a group, which may be groups again.
///
/// The first value is a list of what is allowed, which is the only form that ours have.
pub fn allowed(values: &[&str], members: &dyn Fn(&str) -> Vec<String>) -> BTreeSet<String> {
    let mut allowed = BTreeSet::new();
    for value in values {
        let (is_denied, names) = match value.strip_prefix('~') {
            Some(names) => (true, names),
            None => (false, *value),
        };
        for name in names.split_whitespace() {
            for call in resolve(name, members) {
                if is_denied {
                    allowed.remove(&call);
                } else {
                    allowed.insert(call);
                }
            }
        }
    }
    allowed
}

fn resolve(name: &str, members: &dyn Fn(&str) -> Vec<String>) -> Vec<String> {
    if !name.starts_with('@') {
        return vec![name.to_owned()];
    }
    let members_of = members(name);
    let calls = members_of.iter().flat_map(|name| resolve(name, members));
    calls.collect()
}

/// A call that a process has made.
#[derive(Debug, Clone, PartialEq)]
pub struct Call<'a> {
    /// Its name.
    pub name: &'a str,
    /// What follows its opening bracket: arguments, and mostly the result.
    pub rest: &'a str,
}

/// The calls in a record of `strace -f`, from the start of `program` on.
pub fn recorded<'a>(record: &'a str, program: &str) -> Vec<Call<'a>> {
    let start = format!("execve(\"{program}\"");
    let lines = record.lines().skip_while(|line| !line.contains(&start));
    lines.filter_map(call).collect()
}

/// The call of a line such as `123 openat(AT_FDCWD, ...) = 3`. A line that goes on with a call, or
/// that tells of a signal or an end, has none.
fn call(line: &str) -> Option<Call<'_>> {
    let digits = |c: char| c.is_ascii_digit() || c.is_whitespace();
    let (name, rest) = line.trim_start_matches(digits).split_once('(')?;
    let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    (!name.is_empty() && name.chars().all(is_name)).then_some(Call { name, rest })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_values_take_away_and_give_back() {
        let members = |group: &str| {
            let members: &[&str] = match group {
                "@all" => &["read", "@files", "chown"],
                "@files" => &["open", "close"],
                _ => panic!("{group}"),
            };
            members.iter().map(|name| (*name).to_owned()).collect()
        };
        let values = ["@all io_uring_setup", "~chown @files", "close"];
        let allowed = allowed(&values, &members);
        let names: Vec<&str> = allowed.iter().map(String::as_str).collect();
        assert_eq!(names, ["close", "io_uring_setup", "read"]);
    }

    #[test]
    fn calls_are_those_from_the_start_of_the_program_on() {
        let record = "1 chroot(\"/x\") = 0\n1 execve(\"/usr/bin/a\", [\"a\"]) = 0\n\
             2 read(3, <unfinished ...>\n1 --- SIGHUP {si_signo=SIGHUP} ---\n\
             2 <... read resumed>\"\", 1) = 0\n2 +++ exited with 0 +++\n1 io_uring_enter(4) = 1\n";
        let calls = recorded(record, "/usr/bin/a");
        let names: Vec<&str> = calls.iter().map(|call| call.name).collect();
        assert_eq!(names, ["execve", "read", "io_uring_enter"]);
        assert_eq!(calls[2].rest, "4) = 1");
    }
}
