//! The commands of operators at the admin address: who, kick, revoke, restore, reload, log.
//!
//! They change something, so they are POST, and a page of a foreign origin cannot send them: the
//! gate refuses its origin. From another machine they need a token whose role has the command.

use std::sync::Arc;

use hyper::{
    Method, Request, StatusCode,
    body::Incoming,
    header::{HeaderValue, WWW_AUTHENTICATE},
};
use serde::Serialize;
use tickcast_cluster::Order;
use tickcast_core::identity::Revoked;
use tokio::sync::mpsc;

use super::{
    answer::{self, Answer, text, typed},
    gate::{self, Ends, Gate},
    identity_commands::ask,
    log_command::LogFilter,
    operator_questions::{Affected, Command, Question, Target, WhoRow},
    request::{bearer, query},
};
use crate::{
    audit::AuditLog,
    auth::{Auth, OperatorError},
    clock::Clock,
    cluster::Orders,
    metrics::RefusalReason,
    settings::{log_filter, site::Authority},
};

/// The methods of the commands.
const COMMANDS: &str = "POST, OPTIONS";

/// What a command has done.
#[derive(Debug, Serialize)]
struct Done {
    /// Whether something has changed in the files.
    #[serde(skip_serializing_if = "Option::is_none")]
    changed: Option<bool>,
    /// The clients that were affected, or the first of them.
    clients: Vec<WhoRow>,
    /// How many they are.
    count: usize,
    /// Whether they are more than those that are listed.
    more: bool,
}

impl Done {
    fn new(changed: Option<bool>, affected: Affected) -> Self {
        let Affected { rows, count } = affected;
        Self {
            changed,
            more: rows.len() < count,
            clients: rows,
            count,
        }
    }
}

/// A path of the admin address that is about identities.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AdminCommand {
    Who,
    Kick,
    Revoke,
    Restore,
    Reload,
    Log,
}

impl AdminCommand {
    /// The command of a path.
    pub(super) fn of(path: &str) -> Option<Self> {
        Some(match path {
            "/v1/who" => Self::Who,
            "/v1/kick" => Self::Kick,
            "/v1/revoke" => Self::Revoke,
            "/v1/restore" => Self::Restore,
            "/v1/reload" => Self::Reload,
            "/v1/log" => Self::Log,
            _ => return None,
        })
    }

    fn name(self) -> &'static str {
        match self {
            Self::Who => "who",
            Self::Kick => "kick",
            Self::Revoke => "revoke",
            Self::Restore => "restore",
            Self::Reload => "reload",
            Self::Log => "log",
        }
    }

    fn is_reading(self) -> bool {
        self == Self::Who
    }
}

/// Carries out commands.
#[derive(Debug)]
pub(crate) struct Commands {
    /// The identities, if the server has any.
    pub auth: Option<Arc<Auth>>,
    /// The channel to each shard.
    pub shards: Vec<mpsc::Sender<Question>>,
    /// Refuses requests.
    pub gate: Arc<Gate>,
    /// The audit, if there is one.
    pub audit: Option<Arc<AuditLog>>,
    /// The log of the program.
    pub log_filter: Arc<LogFilter>,
    /// Tells the other nodes, if there is a cluster.
    pub orders: Option<Orders>,
    /// The clock.
    pub clock: Clock,
}

impl Commands {
    /// Answers a request for a command.
    pub(super) async fn answer(
        &self,
        command: AdminCommand,
        request: &Request<Incoming>,
        host: Option<&Authority>,
        ends: Ends,
    ) -> Answer {
        let method = request.method();
        let allow = if command.is_reading() {
            gate::READING
        } else {
            COMMANDS
        };
        if method == Method::OPTIONS {
            return gate::options(allow);
        }
        let is_right = match command.is_reading() {
            true => answer::is_reading(method),
            false => method == Method::POST,
        };
        if !is_right {
            return self.gate.refuse_method(ends, allow);
        }
        if let Err(refusal) = self.gate.origin(request.headers(), host, ends) {
            return *refusal;
        }
        let operator = match self.operator(command, request, ends) {
            Ok(operator) => operator,
            Err(refusal) => return *refusal,
        };
        let query = request.uri().query().unwrap_or("");
        if bearer::is_in_query(query) {
            // The audit has the queries of commands, and no tokens.
            let reason = "the URL has a token: name it by its id, which /v1/who and the \
                          identities file have, and replace the token that was sent";
            let status = StatusCode::BAD_REQUEST;
            return self.gate.refuse(RefusalReason::Token, ends, status, reason);
        }
        let done = match (command, &self.auth) {
            (AdminCommand::Log, _) => self.change_log(query),
            (AdminCommand::Kick, _) => self.kick(query).await,
            (_, Some(auth)) => self.carry_out(command, auth, query).await,
            (_, None) => {
                let reason = "the server has no identities: set `identities` to use this";
                return text(StatusCode::NOT_FOUND, reason);
            }
        };
        if let (Some(audit), false) = (&self.audit, command.is_reading()) {
            let affected = done.as_ref().ok().map(|done| done.count);
            let command = (command.name(), query);
            audit.command(ends.peer, operator.as_deref(), command, affected);
        }
        match done {
            Ok(done) => match serde_json::to_vec(&done) {
                Ok(body) => typed(StatusCode::OK, "application/json", body),
                Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
            },
            Err(CommandError::Query(reason)) => {
                let refusal = RefusalReason::Parameters;
                self.gate
                    .refuse(refusal, ends, StatusCode::BAD_REQUEST, reason)
            }
            Err(CommandError::Failed(reason)) => {
                tracing::error!("an operator's command has failed: {reason}");
                text(StatusCode::INTERNAL_SERVER_ERROR, reason)
            }
        }
    }

    /// Checks whether a request may send a command. Returns the subject of its token.
    fn operator(
        &self,
        command: AdminCommand,
        request: &Request<Incoming>,
        ends: Ends,
    ) -> Result<Option<Arc<str>>, Box<Answer>> {
        let is_loopback = ends.peer.is_local();
        let refuse = |reason, status, message: String| {
            Box::new(self.gate.refuse(reason, ends, status, message))
        };
        let Some(auth) = &self.auth else {
            return match is_loopback {
                true => Ok(None),
                false => {
                    let message = "commands are accepted from this machine only, because the \
                                   server has no identities";
                    let status = StatusCode::FORBIDDEN;
                    Err(refuse(
                        RefusalReason::Permission,
                        status,
                        message.to_owned(),
                    ))
                }
            };
        };
        // The query of a command may name a token by its id.
        let token = bearer::token(request.headers(), None)
            .map_err(|error| refuse(RefusalReason::Token, error.status(), error.to_string()))?;
        let now = self.clock.now();
        let operator = auth.operator(token, is_loopback, command.name(), now);
        operator.map_err(|error| match error {
            OperatorError::Unknown(message) => {
                let status = StatusCode::UNAUTHORIZED;
                let mut answer = refuse(RefusalReason::Token, status, message);
                let challenge = HeaderValue::from_static("Bearer realm=\"tickcast\"");
                answer.headers_mut().insert(WWW_AUTHENTICATE, challenge);
                answer
            }
            OperatorError::Forbidden(message) => {
                refuse(RefusalReason::Permission, StatusCode::FORBIDDEN, message)
            }
        })
    }

    /// Changes the log's filter until the next start.
    fn change_log(&self, query: &str) -> Result<Done, CommandError> {
        let [filter] = query::split(query, ["filter"]).map_err(CommandError::Query)?;
        let filter = filter.ok_or("filter is missing: such as info, or MODULE=debug");
        let filter = filter.map_err(|error| CommandError::Query(error.to_owned()))?;
        let filter = query::text(filter).and_then(|filter| log_filter(&filter));
        let filter = filter.map_err(CommandError::Query)?;
        let changed = self.log_filter.change(&filter);
        changed.map_err(CommandError::Failed)?;
        tracing::info!("an operator has set the log filter to {filter}");
        Ok(Done::new(Some(true), Affected::default()))
    }

    async fn carry_out(
        &self,
        command: AdminCommand,
        auth: &Auth,
        query: &str,
    ) -> Result<Done, CommandError> {
        let failed = CommandError::Failed;
        let (changed, command, order) = match command {
            AdminCommand::Who => (None, Command::Who, None),
            AdminCommand::Kick => return self.kick(query).await,
            AdminCommand::Revoke => {
                let revoked = revoked(query)?;
                refuse_all_without_token(
                    matches!(&revoked, Revoked::Subject(name) if name.is_empty()),
                )?;
                let changed = auth.revoke(revoked.clone()).map_err(failed)?;
                (Some(changed), Command::Review, Some(Order::Revoke(revoked)))
            }
            AdminCommand::Restore => {
                let revoked = revoked(query)?;
                let changed = auth.lift(&revoked).map_err(failed)?;
                let order = Order::Restore(revoked);
                (Some(changed), Command::Review, Some(order))
            }
            AdminCommand::Log => return self.change_log(query),
            AdminCommand::Reload => {
                let reloaded = auth.reload();
                reloaded.map_err(|problems| failed(problems.join("\n")))?;
                (None, Command::Review, None)
            }
        };
        let done = self.ask(command, changed).await?;
        self.tell_nodes(order).await?;
        Ok(done)
    }

    async fn kick(&self, query: &str) -> Result<Done, CommandError> {
        let target = target(query).map_err(CommandError::Query)?;
        refuse_all_without_token(matches!(&target, Target::Subject(name) if name.is_empty()))?;
        let done = self.ask(Command::Kick(target), None).await?;
        self.tell_nodes(Some(Order::Kick(query.to_owned()))).await?;
        Ok(done)
    }

    /// Tells the other nodes, if there are any, what this one has done.
    async fn tell_nodes(&self, order: Option<Order>) -> Result<(), CommandError> {
        match self.orders.as_ref().zip(order) {
            Some((orders, order)) => orders.give(order).await.map_err(CommandError::Failed),
            None => Ok(()),
        }
    }

    async fn ask(&self, command: Command, changed: Option<bool>) -> Result<Done, CommandError> {
        let asked = ask(&self.shards, &command).await;
        let affected = asked
            .map_err(|silent| CommandError::Failed(format!("{silent}: repeat the command")))?;
        if !matches!(command, Command::Who) {
            let number = affected.count;
            tracing::info!(
                number,
                changed,
                "an operator's command has affected clients"
            );
        }
        Ok(Done::new(changed, affected))
    }
}

enum CommandError {
    Query(String),
    Failed(String),
}

/// The clients that a query names by exactly one of its parameters.
pub(super) fn target(query: &str) -> Result<Target, String> {
    let names = ["subject", "token", "address"];
    let [subject, token, address] = query::split(query, names)?;
    let text = |value| query::text(value);
    match (subject, token, address) {
        (Some(subject), None, None) => Ok(Target::Subject(text(subject)?)),
        (None, Some(token), None) => Ok(Target::Token(text(token)?)),
        (None, None, Some(address)) => {
            let address = text(address)?;
            let socket = address.parse().map(Target::Socket);
            let target = socket.or_else(|_| address.parse().map(Target::Address));
            target.map_err(|_| {
                format!(
                    "{address:?} is no address: use one such as 203.0.113.7 or 203.0.113.7:50000"
                )
            })
        }
        _ => Err("name one of subject, token (its id) and address".to_owned()),
    }
}

/// Refuses to end all clients without a token. Their subject is empty, and so is the parameter of a
/// script whose variable is not set.
fn refuse_all_without_token(is_empty: bool) -> Result<(), CommandError> {
    match is_empty {
        false => Ok(()),
        true => Err(CommandError::Query(
            "subject is empty: kick a client without a token by its address; the table [anonymous] \
             of the identities file lets such clients in"
                .to_owned(),
        )),
    }
}

/// What a query names for a revocation.
fn revoked(query: &str) -> Result<Revoked, CommandError> {
    match target(query).map_err(CommandError::Query)? {
        Target::Subject(subject) => Ok(Revoked::Subject(subject.into())),
        Target::Token(token) => Ok(Revoked::Token(token.into())),
        Target::Address(_) | Target::Socket(_) => Err(CommandError::Query(
            "an address cannot be revoked: name a subject or a token".to_owned(),
        )),
    }
}
