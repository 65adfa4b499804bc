"""Speaks to the endpoint whose URL is the argument as a developer would, with boto3."""

import sys
from decimal import Decimal

import boto3
from boto3.dynamodb.conditions import Attr, Key
from botocore.config import Config
from botocore.exceptions import ClientError

where = dict(
    endpoint_url=sys.argv[1],
    region_name="us-east-1",
    aws_access_key_id="test",
    aws_secret_access_key="test",
    config=Config(retries={"total_max_attempts": 1}),
)
dynamodb = boto3.resource("dynamodb", **where)
client = boto3.client("dynamodb", **where)

table = dynamodb.create_table(
    TableName="python",
    BillingMode="PAY_PER_REQUEST",
    KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
    AttributeDefinitions=[{"AttributeName": n, "AttributeType": "S"} for n in ("pk", "sk")],
)
table.wait_until_exists()
assert "python" in client.list_tables()["TableNames"]

item = {"pk": "a", "sk": "ü \"quoted\"\n", "n": Decimal("-1.25"), "list": ["x", Decimal(2), True], "map": {"k": "v"}}
table.put_item(Item=item)
got = table.get_item(Key={"pk": "a", "sk": item["sk"]}, ConsistentRead=True, ReturnConsumedCapacity="TOTAL")
assert got["Item"] == item, got
assert got["ConsumedCapacity"]["CapacityUnits"] == 1, got

with table.batch_writer() as batch:
    for i in range(60):
        batch.put_item(Item={"pk": "b", "sk": f"{i:03}", "i": i})
found = table.query(KeyConditionExpression=Key("pk").eq("b") & Key("sk").between("010", "019"))
assert [int(i["i"]) for i in found["Items"]] == list(range(10, 20)), found

pages = client.get_paginator("scan").paginate(TableName="python", PaginationConfig={"PageSize": 7})
assert sum(len(p["Items"]) for p in pages) == 61
assert table.scan(FilterExpression=Attr("i").eq(30))["Count"] == 1

try:
    table.put_item(Item={"pk": "a", "sk": item["sk"]}, ConditionExpression=Attr("pk").not_exists())
    raise AssertionError("the condition held")
except ClientError as e:
    assert e.response["Error"]["Code"] == "ConditionalCheckFailedException", e

keys = [{"pk": "b", "sk": f"{i:03}"} for i in range(100)]
assert len(dynamodb.batch_get_item(RequestItems={"python": {"Keys": keys}})["Responses"]["python"]) == 60
with table.batch_writer() as batch:
    batch.delete_item(Key={"pk": "a", "sk": item["sk"]})
assert "Item" not in table.get_item(Key={"pk": "a", "sk": item["sk"]})
print("ok")
