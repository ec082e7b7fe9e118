"""Sync bodies drawn at random: few ids, codes, meters, values and times, so that they meet and contradict each other often."""

from typing import Any

from hypothesis import strategies as st

TIMES = st.sampled_from(
    [
        "2024-11-17T08:00:00Z",
        "2024-11-17T08:00:00.5Z",
        "2024-11-17T08:00:01Z",
        "2024-11-18T08:00:00Z",
        "2024-11-18T13:00:00Z",
        None,
    ]
)
READING = st.fixed_dictionaries(
    {"value": st.sampled_from([0, 1, 2.5, 100])},
    optional={
        "unit": st.sampled_from(["KM", "HOURS", "km", None]),
        "recordedAt": TIMES,
        "source": st.sampled_from(["SYNC", "INSPECTION", None]),
        "status": st.sampled_from(["NORMAL", "NOT_EQUIPPED"]),
    },
)
METER = st.fixed_dictionaries(
    {"meterCode": st.sampled_from(["ODOMETER_KM", "HOURS", "UNKNOWN"])},
    optional={
        "isActive": st.sampled_from([True, False, None]),
        "equipmentStatus": st.sampled_from(["EQUIPPED", "NOT_EQUIPPED", None]),
        "expectedFromSync": st.sampled_from([True, False, None]),
        "validationThresholds": st.sampled_from([{"max": 50}, {"monotonic": True}, {"maxDeltaPerDay": 1}, None]),
        "currentReading": READING,
    },
)
HISTORY = st.builds(lambda meter, reading: {"meterCode": meter, **reading}, st.sampled_from(["ODOMETER_KM", "UNKNOWN"]), READING)


def entry(identity: str, **codes: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """An asset with this id, and a code of its own unless others are given."""
    return st.fixed_dictionaries(
        {"externalAssetId": st.just(identity)},
        optional={
            "name": st.sampled_from(["n", "m", None]),
            "code": st.sampled_from([f"code of {identity}", None]),
            "assetTypeName": st.sampled_from(["Pump", "Unknown", None]),
            "siteCode": st.sampled_from(["SITE-42", "nowhere", None]),
            "status": st.sampled_from(["ACTIVE", "INACTIVE", "RETIRED", None]),
            "customFields": st.dictionaries(st.sampled_from("abc"), st.sampled_from([1, True, None, 2.5]), max_size=2),
            "meters": st.lists(METER, max_size=2),
            "meterReadings": st.lists(HISTORY, max_size=3),
            **codes,
        },
    )


ENTRIES = st.sets(st.sampled_from("ABCD"), min_size=1).flatmap(lambda ids: st.tuples(*map(entry, sorted(ids)))).map(list)
BATCHES = st.lists(ENTRIES, min_size=1, max_size=4)
# Codes that are ids of others, and one id more than once.
CONTRADICTIONS = st.lists(
    st.sampled_from("ABC").flatmap(lambda identity: entry(identity, code=st.sampled_from(["A", "B", "X", "Y", "", None]))),
    min_size=1,
    max_size=5,
)
