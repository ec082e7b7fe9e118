"""What a definition says of its provider, for lists."""

from handlers.queries.providers import ProviderFacts
from receiver.pull.catalog import Catalog
from receiver.pull.definition import LoadedDefinition
from receiver.pull.schedule import cron_expression, next_run_us


def facts_of(catalog: Catalog, loaded: LoadedDefinition, now_us: int) -> ProviderFacts:
    """The facts, and when the next run is scheduled after now."""
    definition = loaded.definition
    schedule = definition.schedule
    return ProviderFacts(
        catalog.key(loaded),
        loaded.digest,
        None if schedule is None else f"{cron_expression(schedule)} {schedule.time_zone}",
        definition.time_zone,
        None if schedule is None else next_run_us(schedule, now_us),
        {name: stream.entity for name, stream in definition.streams.items()},
    )
