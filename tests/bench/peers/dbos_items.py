"""A peer of the engine: `dbos_items.py steps|queue URL ITEMS` runs items without cost in DBOS on an empty PostgreSQL,
each durable separately, checks in the database that they are recorded, and prints the seconds from the first to the last."""

import sys
import time

import psycopg
from dbos import DBOS

way, url, items = sys.argv[1], sys.argv[2], int(sys.argv[3])
DBOS(
    config={
        "name": "items",
        "system_database_url": url.replace("postgres://", "postgresql://", 1),
        "run_admin_server": False,
        "log_level": "ERROR",
    }
)


@DBOS.step()
def step(number: int) -> int:
    return number


@DBOS.workflow()
def in_steps(count: int) -> int:
    return sum(step(number) - number + 1 for number in range(count))


@DBOS.workflow()
def one(number: int) -> int:
    return number


DBOS.launch()
began = time.perf_counter()
if way == "steps":
    assert in_steps(items) == items
    table = "operation_outputs"
else:
    # Registering takes a moment of its own.
    queue = DBOS.register_queue("items", worker_concurrency=100, polling_interval_sec=0.05)
    began = time.perf_counter()
    handles = [queue.enqueue(one, number) for number in range(items)]
    assert [handle.get_result() for handle in handles] == list(range(items))
    table = "workflow_status WHERE status = 'SUCCESS'"
took = time.perf_counter() - began
with psycopg.connect(url) as connection:
    recorded = connection.execute(f"SELECT count(*) FROM dbos.{table}").fetchone()[0]
assert recorded == items, f"{recorded} of {items} are recorded"
print(took)
DBOS.destroy()
