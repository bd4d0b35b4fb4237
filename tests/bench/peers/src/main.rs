//! Peers of the engine: `clawback-peers WAY URL ITEMS` puts items without cost into another queue on an empty
//! PostgreSQL, works them off, checks in the database what is left, and prints the seconds from the first item put in
//! to the last one recorded.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use apalis::prelude::{BoxDynError, TaskSink as _, WorkerBuilder, WorkerBuilderExt as _, WorkerContext};
use apalis_postgres::{PgPool, PostgresStorage};
use graphile_worker::{
    IntoTaskHandlerResult, JobSpec, LocalQueueConfig, TaskHandler, WorkerContext as Context, WorkerContextExt as _,
    WorkerOptions,
};

/// Items put in at once.
const PUT: u32 = 5_000;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [way, url, items] = arguments.as_slice() else { return Err("say WAY URL ITEMS".into()) };
    let items = items.parse()?;
    let seconds = match way.as_str() {
        "apalis-postgres" => apalis(url, items).await?,
        "graphile_worker" => graphile(url, items).await?,
        other => return Err(format!("no peer `{other}`").into()),
    };
    println!("{}", seconds.as_secs_f64());
    Ok(())
}

/// Numbers of the items, as many at once as are put in.
fn parts(items: u32) -> impl Iterator<Item = std::ops::Range<u32>> {
    (0..items).step_by(PUT as usize).map(move |first| first..items.min(first + PUT))
}

/// A table of jobs whose rows stay; a worker takes a thousand at once and records results in groups.
async fn apalis(url: &str, items: u32) -> Result<Duration, Box<dyn Error>> {
    let pool = PgPool::connect(url).await?;
    PostgresStorage::setup(&pool).await?;
    let config = apalis_postgres::Config::default().queue("items").batch_size(1_000);
    let mut backend = PostgresStorage::new(&pool).with_config(config);
    let began = Instant::now();
    for part in parts(items) {
        backend.push_bulk(part.collect()).await.map_err(|error| format!("{error:?}"))?;
    }
    let left = Arc::new(AtomicU32::new(items));
    let handle = move |_item: u32, worker: WorkerContext| {
        let left = Arc::clone(&left);
        async move {
            if left.fetch_sub(1, Ordering::Relaxed) == 1 {
                worker.stop()?;
            }
            Ok::<(), BoxDynError>(())
        }
    };
    WorkerBuilder::new("worker").backend(backend).concurrency(100).build(handle).run().await?;
    let took = began.elapsed();
    let (done,): (i64,) =
        sqlx::query_as("SELECT count(*) FROM apalis.jobs WHERE status = 'Done'").fetch_one(&pool).await?;
    if done != i64::from(items) {
        return Err(format!("{done} of {items} are done").into());
    }
    Ok(took)
}

/// One job, and how many are left.
#[derive(Clone, serde::Serialize, serde::Deserialize)]
struct Item {
    number: u32,
}

#[derive(Clone, Debug)]
struct Left(Arc<AtomicU32>, Arc<tokio::sync::Notify>);

impl TaskHandler for Item {
    const IDENTIFIER: &'static str = "item";

    async fn run(self, context: Context) -> impl IntoTaskHandlerResult {
        let Left(left, none) = context.get_ext::<Left>().expect("it was given");
        if left.fetch_sub(1, Ordering::Relaxed) == 1 {
            none.notify_one();
        }
        Ok::<(), String>(())
    }
}

/// A table of jobs from which those that are done are deleted: it keeps no history.
async fn graphile(url: &str, items: u32) -> Result<Duration, Box<dyn Error>> {
    let pool = PgPool::connect(url).await?;
    let left = Left(Arc::new(AtomicU32::new(items)), Arc::default());
    let worker = WorkerOptions::default()
        .pg_pool(pool.clone())
        .concurrency(20)
        .local_queue(LocalQueueConfig::default().with_size(500))
        .complete_job_batch_delay(Duration::from_millis(5))
        .add_extension(left.clone())
        .listen_os_shutdown_signals(false)
        .define_job::<Item>()
        .init()
        .await?;
    let (utils, spec) = (worker.create_utils(), JobSpec::default());
    let began = Instant::now();
    for part in parts(items) {
        let jobs: Vec<_> = part.map(|number| (Item { number }, &spec)).collect();
        utils.add_jobs(&jobs).await?;
    }
    let stop = async {
        left.1.notified().await;
        worker.request_shutdown();
    };
    let (ran, ()) = tokio::join!(worker.run(), stop);
    ran?;
    let took = began.elapsed();
    let (jobs,): (i64,) = sqlx::query_as("SELECT count(*) FROM graphile_worker._private_jobs").fetch_one(&pool).await?;
    if jobs != 0 {
        return Err(format!("{jobs} of {items} are left").into());
    }
    Ok(took)
}
