"""What the product relies on of a storage account; runs on a real one too, see the fixture `azurite`."""

from typing import Any

import pyarrow as pa
import pytest
from azure.core.exceptions import ResourceExistsError
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake


def rows(*numbers: int) -> pa.Table:
    return pa.table({"number": pa.array(numbers, pa.int64())})


def test_a_blob_that_is_there_is_not_created_again(container: Any) -> None:
    container.client.upload_blob("a/b.ndjson.gz", b"first", overwrite=False)
    with pytest.raises(ResourceExistsError):
        container.client.upload_blob("a/b.ndjson.gz", b"second", overwrite=False)
    assert container.client.download_blob("a/b.ndjson.gz").readall() == b"first"


def test_blobs_are_listed_by_prefix_in_the_order_of_their_names(container: Any) -> None:
    for name in ("b/2", "a/10", "b/1"):
        container.client.upload_blob(name, b"")
    assert [blob.name for blob in container.client.list_blobs("b/")] == ["b/1", "b/2"]


def test_a_delta_table_grows_and_is_read(container: Any) -> None:
    uri, options = container.delta_uri("numbers"), container.delta_options
    for number in range(5):
        write_deltalake(uri, rows(number), mode="append", storage_options=options)
    table = DeltaTable(uri, storage_options=options)
    assert table.version() == 4
    assert sorted(table.to_pyarrow_table()["number"].to_pylist()) == [0, 1, 2, 3, 4]


def test_a_delta_table_remembers_how_far_a_writer_has_come(container: Any) -> None:
    uri, options = container.delta_uri("numbers"), container.delta_options
    properties = CommitProperties(app_transactions=[Transaction("partition-0", 41)])
    write_deltalake(uri, rows(1), storage_options=options, commit_properties=properties)
    assert DeltaTable(uri, storage_options=options).transaction_version("partition-0") == 41
