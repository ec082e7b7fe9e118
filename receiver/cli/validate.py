"""`drawbar validate`: are these batches what a receiver would take?"""

import typer

from handlers.rules.intake import Arrival, take_in
from receiver.batch_files import BatchReader, Fault, find_files
from receiver.cli.common import PROBLEMS, JsonOption
from receiver.cli.output import print_json, say
from receiver.cli.replay import PathsArgument
from receiver.limit_settings import Limits
from receiver.settings import DEFAULT_SUBSCRIPTION


def validate(paths: PathsArgument, *, as_json: JsonOption = False) -> None:
    """Check event batches in files without a store: each fault is printed with its file, its path in it and the reason."""
    reader = BatchReader(find_files(paths), Limits().body_bytes_max)
    faults: list[Fault] = []
    batches = events = unknown = 0
    for batch in reader:
        intake = take_in(Arrival(DEFAULT_SUBSCRIPTION, "replay", 0, batch.body))
        if intake.batch is None:
            faults.append(Fault.of(batch.place, intake.problem))
            continue
        batches += 1
        events += len(intake.batch.entries)
        unknown += sum(entry.ignored for entry in intake.batch.entries)
        faults += [Fault.of(batch.place, entry.problem) for entry in intake.batch.entries if entry.problem]
    faults += reader.faults
    if as_json:
        print_json({"batches": batches, "events": events, "unknown": unknown, "faults": faults})
    else:
        for fault in faults:
            say(str(fault))
        say(f"{batches} batches, {events} events ({unknown} of a type or version that isn't known), {len(faults)} faults")
    if faults:
        raise typer.Exit(PROBLEMS)
