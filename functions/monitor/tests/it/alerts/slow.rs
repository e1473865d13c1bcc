//! Providers and channels that do not answer, and what is owed to people meanwhile.

use std::sync::atomic::{AtomicUsize, Ordering};

use gatehouse::domain::alert::NoticeBody;
use gatehouse::domain::{NoticeId, Timestamp};
use gatehouse::store::OwedNotice;

use super::*;

/// Something that takes connections, and never answers.
struct Silent {
    url: String,
    asked: Arc<AtomicUsize>,
}

impl Silent {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let silent = Self {
            url: format!("http://{}/", listener.local_addr().unwrap()),
            asked: Arc::default(),
        };
        let asked = Arc::clone(&silent.asked);
        tokio::spawn(async move {
            let mut held = Vec::new();
            while let Ok(connection) = listener.accept().await {
                held.push(connection);
                asked.fetch_add(1, Ordering::SeqCst);
            }
        });
        silent
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

/// What a playbook has everybody told.
fn notice(scene: &Scene, now: Timestamp) -> OwedNotice {
    let playbook = json!({
        "runId": "run_01K72Z5QSW0123456789ABCDEF", "playbook": "Hold back",
        "integrationId": scene.watched, "integrationName": "CRM", "at": now, "text": "look at it",
    });
    OwedNotice {
        id: NoticeId::from(scene.world.dice().ulid(now)),
        organization: scene.world.organization,
        due_at: now,
        body: NoticeBody::Playbook(serde_json::from_value(playbook).unwrap()),
        channels: None,
        attempts: 0,
        owed_at: now,
        was_muted: false,
        group: None,
    }
}

impl Scene {
    async fn owe(&self) -> OwedNotice {
        let notice = notice(self, self.world.now());
        self.world.store.owe_notice(&notice).await.unwrap();
        notice
    }

    async fn waiting(&self) -> Vec<OwedNotice> {
        let far = self.world.now().plus(hours(48));
        self.world.store.due_notices(far, 100).await.unwrap()
    }

    /// Runs, and has the run die as soon as this is so: long before what is silent is given up.
    async fn run_until(&self, mut is_so: impl AsyncFnMut() -> bool) {
        let seen = async {
            while !is_so().await {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let run = async {
            self.world.run().await;
            std::future::pending::<()>().await;
        };
        tokio::time::timeout(Duration::from_secs(8), async {
            tokio::select! {
                () = seen => {}
                () = run => {}
            }
        })
        .await
        .unwrap();
    }

    /// A second channel, by an integration of that place.
    async fn channel_to(&self, url: &str) -> ChannelId {
        let fields = json!({"name": "Chat", "baseUrl": url, "apiProfile": {}});
        let integration_id = self.world.integration(fields).await;
        let id = ChannelId::from(self.world.dice().ulid(self.world.now()));
        let target = ChannelTarget::Slack {
            integration_id,
            channel: "#other".to_owned(),
        };
        let channel = AlertChannel {
            id,
            ..self.channel(target)
        };
        self.set_up(|setup| setup.channels.push(channel)).await;
        id
    }
}

#[tokio::test]
async fn providers_that_do_not_answer_keep_nobody_from_being_told() {
    let (silent, aws) = (Silent::start().await, crate::world::Aws::new());
    let provider = crate::world::Provider::start().await;
    let other = World::of(aws.clone(), provider.clone(), 51);
    for _ in 0..70 {
        other.integration(json!({"baseUrl": silent.url})).await;
    }
    let scene = Scene::of(World::of(aws, provider, 52), Messenger::start().await).await;
    scene.world.pass(MINUTE * 15);
    scene.owe().await;
    let mut told = Vec::new();
    scene
        .run_until(async || {
            told.extend(scene.told());
            !told.is_empty() && silent.asked() > 0
        })
        .await;
    assert_eq!(told.len(), 1, "{told:?}");
}

#[tokio::test]
async fn one_that_does_not_answer_is_not_the_first_to_be_checked_again() {
    let silent = Silent::start().await;
    let scene = Scene::new(53).await;
    let fields = json!({"baseUrl": silent.url});
    let slow = scene.world.integration(fields).await;
    scene.world.pass(MINUTE * 15);
    scene.run_until(async || silent.asked() > 0).await;
    let watch = scene.world.watch(slow).await;
    assert_eq!(watch.checks, []);
    assert!(watch.check_at > scene.world.now(), "{watch:?}");
}

#[tokio::test]
async fn what_arrived_at_one_channel_is_written_before_a_slow_one_is_done() {
    let (scene, silent) = (Scene::new(54).await, Silent::start().await);
    let slow = scene.channel_to(&silent.url).await;
    scene.owe().await;
    let is_written = async || {
        let waiting = scene.waiting().await;
        let left = waiting.first().and_then(|one| one.channels.clone());
        left == Some([slow].into())
    };
    scene.run_until(is_written).await;
    assert_eq!(scene.told().len(), 1);
    // The next one goes on where that one died: nobody is told a second time.
    scene.world.pass(MINUTE * 3);
    let asked = silent.asked();
    scene.run_until(async || silent.asked() > asked).await;
    assert_eq!(scene.told(), Vec::<String>::new());
    assert_eq!(scene.waiting().await[0].attempts, 2);
}

#[tokio::test]
async fn channels_of_one_organization_that_do_not_answer_hold_up_no_other() {
    let (silent, aws) = (Silent::start().await, crate::world::Aws::new());
    let provider = crate::world::Provider::start().await;
    let messenger = Messenger::start().await;
    let mut scenes = Vec::new();
    // In whatever partitions they are: all but the last have channels that do not answer.
    for seed in 60..70 {
        let world = World::of(aws.clone(), provider.clone(), seed);
        let scene = Scene::of(world, messenger.clone()).await;
        if seed < 69 {
            scene.set_up(|setup| setup.channels.clear()).await;
            scene.channel_to(&silent.url).await;
        }
        scenes.push(scene);
    }
    scenes[0].world.pass(MINUTE);
    for scene in &scenes {
        scene.owe().await;
    }
    let last = &scenes[9];
    let mut told = Vec::new();
    last.run_until(async || {
        told.extend(last.told());
        !told.is_empty() && silent.asked() >= 9
    })
    .await;
    assert_eq!(told.len(), 1, "{told:?}");
}
