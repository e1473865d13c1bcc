//! Puts the system together, runs it, and stops it.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use embedded_aws::template::Template;
use embedded_aws::{Stack, TimeSource};
use gatehouse::config::Environment;
use gatehouse::domain::{Cause, Sources};
use gatehouse::lambda::{system_sources, telemetry};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::announce::{Announcement, say};
use crate::front::Front;
use crate::issuer::{AUDIENCE, ISSUER, Issuer};
use crate::options::Options;
use crate::poller::{Poller, Triggered};
use crate::private_file;
use crate::serve::{Limits, serve};
use crate::ticker::{Scheduled, Ticker};

/// What is logged if nothing is said. What stands in for the table warns of each condition that is not met,
/// and that is how functions find out that another one was first.
const LOGGED: &str = "info,dynoxide::server=error";
/// How many batches are handled at the same time.
const POLLERS: usize = 4;
/// How a process ends that a signal has interrupted.
const INTERRUPTED: i32 = 130;

/// Runs until Ctrl-C or SIGTERM. Then nothing new is taken in, and what is in hand is finished, in
/// a bounded time; a second signal ends everything at once. What was accepted is durable either
/// way.
pub(crate) async fn run(options: &Options) -> Result<(), Cause> {
    telemetry::init_with(&Environment::of_process(), LOGGED);
    let template = Template::read(&options.template)?;
    let listener = listen(options.port).await?;
    let base_url = format!("http://{}", listener.local_addr()?);
    let stack = Stack::open(&options.data, &template, TimeSource::system()).await?;
    let sources = system_sources();
    let issuer = Issuer::open(&options.data, &sources)?;
    let parts = Parts {
        options,
        template: &template,
        stack: &stack,
        base_url: &base_url,
    };
    let front = Front::new(
        template.routes(),
        parts.functions(&issuer, &sources)?,
        sources.clone(),
    )
    .map_err(|function| {
        format!("the template names the function `{function}`, which is not one of ours")
    })?;
    let mut signals = Signals::listen()?;
    let (stop, stopped) = watch::channel(false);
    let mut pollers = JoinSet::new();
    for poller in parts.pollers(&sources)? {
        pollers.spawn(poller.run(stopped.clone()));
    }
    for ticker in parts.tickers(&sources)? {
        pollers.spawn(ticker.run(stopped.clone()));
    }
    let announcement = Announcement {
        base_url: &base_url,
        token: &issuer.token(&sources),
        organization: issuer.organization,
    };
    let environment = options.data.join("env");
    private_file::write(&environment, announcement.as_environment().as_bytes())?;
    say(&if options.json {
        announcement.as_json()
    } else {
        announcement.as_text(&environment)
    })?;
    let served = tokio::spawn(serve(listener, front.router(), Limits::default(), stopped));
    signals.next().await;
    tokio::spawn(async move {
        signals.next().await;
        // Nothing is lost: what was accepted is durable, as it is when the power fails.
        std::process::exit(INTERRUPTED);
    });
    stop.send(true)?;
    served.await?;
    while pollers.join_next().await.is_some() {}
    let calls = serde_json::to_string(&stack.calls())?;
    let items = stack.items_written();
    tracing::info!(calls, items, "everything in hand is finished");
    Ok(())
}

struct Parts<'a> {
    options: &'a Options,
    template: &'a Template,
    stack: &'a Stack,
    base_url: &'a str,
}

impl Parts<'_> {
    /// The environment of a function, as the template says it.
    fn environment(&self, function: &str) -> Result<Environment, Cause> {
        let allowed: Vec<String> = self
            .options
            .allow_egress
            .iter()
            .map(ToString::to_string)
            .collect();
        let allowed = allowed.join(",");
        let parameters = [
            ("PublicUrl", self.base_url),
            ("Issuer", ISSUER),
            ("Audience", AUDIENCE),
            ("JwksUrl", "https://issuer.invalid/jwks"),
            ("EgressAllow", allowed.as_str()),
        ];
        let variables = self
            .template
            .environment(function, self.stack.endpoint(), &parameters)?;
        Ok(variables.into_iter().collect())
    }

    /// The functions that answer HTTP.
    fn functions(
        &self,
        issuer: &Issuer,
        sources: &Sources,
    ) -> Result<BTreeMap<String, Router>, Cause> {
        let aws = |function| self.stack.sdk_config_of(function);
        let integrations = integrations::State::connect_with_issuer(
            &self.environment("integrations")?,
            &aws("integrations"),
            sources.clone(),
            Arc::new(issuer.keys()),
        )?;
        let gateway = gateway::State::connect_with_issuer(
            &self.environment("gateway")?,
            &aws("gateway"),
            sources.clone(),
            Arc::new(issuer.keys()),
        )?;
        let connect = connect::State::connect_with_issuer(
            &self.environment("connect")?,
            &aws("connect"),
            sources.clone(),
            Arc::new(issuer.keys()),
        )?;
        let webhooks = webhooks::State::connect(
            &self.environment("webhooks")?,
            &aws("webhooks"),
            sources.clone(),
        )?;
        Ok(BTreeMap::from([
            (
                "integrations".to_owned(),
                integrations::router(integrations),
            ),
            ("gateway".to_owned(), gateway::router(gateway)),
            ("connect".to_owned(), connect::router(connect)),
            ("webhooks".to_owned(), webhooks::router(webhooks)),
        ]))
    }

    /// The schedules that run functions.
    fn tickers(&self, sources: &Sources) -> Result<Vec<Ticker>, Cause> {
        let mut tickers = Vec::new();
        for schedule in self.template.schedules() {
            let aws = self.stack.sdk_config_of(&schedule.function);
            let environment = self.environment(&schedule.function)?;
            let function = match schedule.function.as_str() {
                "monitor" => Scheduled::Monitor(Box::new(monitor::State::connect(
                    &environment,
                    &aws,
                    sources.clone(),
                )?)),
                "rotation" => Scheduled::Rotation(Box::new(rotation::State::connect(
                    &environment,
                    &aws,
                    sources.clone(),
                )?)),
                "sync" => Scheduled::Sync(Box::new(sync::State::connect(
                    &environment,
                    &aws,
                    sources.clone(),
                )?)),
                other => return Err(format!("`{other}` has no schedule here").into()),
            };
            tickers.push(Ticker {
                every: Duration::from_secs(schedule.every_seconds),
                timeout: self.timeout(&schedule.function),
                function,
            });
        }
        Ok(tickers)
    }

    /// The time-out of a function.
    fn timeout(&self, name: &str) -> Duration {
        let mut functions = self.template.functions().iter();
        let function = functions.find(|function| function.name == name);
        Duration::from_secs(function.map_or(3, |function| function.timeout_seconds))
    }

    /// The queues that trigger functions.
    fn pollers(&self, sources: &Sources) -> Result<Vec<Poller>, Cause> {
        let mut pollers = Vec::new();
        for source in self.template.event_sources() {
            // The trigger receives and deletes messages with the function's role.
            let aws = self.stack.sdk_config_of(&source.function);
            let environment = self.environment(&source.function)?;
            let function = match source.function.as_str() {
                "processor" => Triggered::Processor(Box::new(processor::State::connect(
                    &environment,
                    &aws,
                    sources.clone(),
                )?)),
                "sync" => Triggered::Sync(Box::new(sync::State::connect(
                    &environment,
                    &aws,
                    sources.clone(),
                )?)),
                other => return Err(format!("`{other}` is not triggered by a queue here").into()),
            };
            let queue_url = self
                .template
                .queue_url(self.stack.endpoint(), &source.queue);
            let poller = Poller {
                client: aws_sdk_sqs::Client::new(&aws),
                queue_url: queue_url.ok_or("the queue is not in the template")?,
                batch_size: i32::try_from(source.batch_size)?,
                timeout: self.timeout(&source.function),
                function,
            };
            pollers.extend(std::iter::repeat_n(poller, POLLERS));
        }
        Ok(pollers)
    }
}

async fn listen(port: u16) -> Result<TcpListener, Cause> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .await
        .map_err(|error| match error.kind() {
            ErrorKind::AddrInUse => format!(
                "port {port} is taken; stop what listens there, or choose another with --port"
            )
            .into(),
            ErrorKind::PermissionDenied => {
                format!("port {port} may not be opened; choose one above 1023 with --port").into()
            }
            _ => Cause::from(error),
        })
}

/// Ctrl-C and SIGTERM.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
