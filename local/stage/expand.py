"""Expands templates as AWS would: SAM's transform, then the conditions.

Reads {"template": text, "parameters": [{name: value}, ...]} a line from standard
input, and writes a line for each: for every set of parameters the resources, by
logical id, each with Type and Properties. Refs to parameters have their values;
other intrinsic functions stay as they are.
"""

import json
import logging
import sys

import boto3
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

NO_VALUE = object()


def met(condition, conditions, parameters):
    (function, arguments), = condition.items()
    if function == "Condition":
        return met(conditions[arguments], conditions, parameters)
    if function == "Fn::Not":
        return not met(arguments[0], conditions, parameters)
    if function == "Fn::And":
        return all(met(a, conditions, parameters) for a in arguments)
    if function == "Fn::Or":
        return any(met(a, conditions, parameters) for a in arguments)
    if function == "Fn::Equals":
        left, right = (resolve(a, conditions, parameters) for a in arguments)
        return str(left) == str(right)
    raise ValueError(f"cannot evaluate {function}")


def resolve(node, conditions, parameters):
    if isinstance(node, list):
        resolved = (resolve(n, conditions, parameters) for n in node)
        return [n for n in resolved if n is not NO_VALUE]
    if not isinstance(node, dict):
        return node
    if len(node) == 1:
        (function, argument), = node.items()
        if function == "Fn::If":
            name, then, otherwise = argument
            chosen = then if met(conditions[name], conditions, parameters) else otherwise
            return resolve(chosen, conditions, parameters)
        if node == {"Ref": "AWS::NoValue"}:
            return NO_VALUE
        if function == "Ref" and argument in parameters:
            return parameters[argument]
        if function == "Fn::Join":
            separator, parts = resolve(argument, conditions, parameters)
            if isinstance(parts, str):
                return parts.replace(",", separator)
    resolved = {k: resolve(v, conditions, parameters) for k, v in node.items()}
    return {k: v for k, v in resolved.items() if v is not NO_VALUE}


def expand(text, given):
    template = yaml_parse(text)
    parameters = {name: str(p["Default"]) for name, p in template["Parameters"].items() if "Default" in p}
    parameters.update(given)
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = "s3://bucket/key"  # as after `sam package`
    translator = Translator(None, Parser(), [], boto3.Session(region_name="us-east-1"))
    out = translator.translate(template, parameters)
    conditions = out.get("Conditions", {})
    return {
        name: {"Type": r["Type"], "Properties": resolve(r.get("Properties", {}), conditions, parameters)}
        for name, r in out["Resources"].items()
        if "Condition" not in r or met(conditions[r["Condition"]], conditions, parameters)
    }


logging.disable(logging.CRITICAL)
for line in sys.stdin:
    job = json.loads(line)
    print(json.dumps([expand(job["template"], p) for p in job["parameters"]]), flush=True)
