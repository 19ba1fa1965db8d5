"""The agents: small rules that really compute their answers, so that a case can check them."""

import ast
import operator
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

OPERATORS: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
TOPICS = {
    "billing": {"invoice", "refund", "charge", "price", "paid"},
    "access": {"login", "password", "locked", "account", "denied"},
    "outage": {"down", "timeout", "slow", "unavailable", "error"},
}


class BadInput(Exception):
    """The agent can not work with this text; the message is for the user."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    name: str
    description: str
    answer: Callable[[str], str]


def words(text: str) -> list[str]:
    return re.findall(r"[a-z']+", text.lower())


def calculate(text: str) -> str:
    try:
        return f"{value(ast.parse(text.strip(), mode='eval').body):g}"
    except (SyntaxError, ZeroDivisionError) as error:
        raise BadInput(f"not a sum that can be worked out: {error.args[0]}") from error


def value(node: ast.expr) -> float:
    match node:
        case ast.Constant(value=int() | float() as number):
            return number
        case ast.UnaryOp(op=ast.USub(), operand=inner):
            return -value(inner)
        case ast.BinOp(left=left, op=sign, right=right) if type(sign) in OPERATORS:
            return OPERATORS[type(sign)](value(left), value(right))
    raise BadInput("only numbers and + - * / are understood")


def triage(text: str) -> str:
    seen = set(words(text))
    score, topic = max((len(seen & known), topic) for topic, known in TOPICS.items())
    return topic if score else "general"


def summarise(text: str) -> str:
    """The sentence whose words are the most common ones of the text; the first of equals."""
    sentences = [part.strip() for part in re.split(r"(?<=[.!?])\s+", text) if part.strip()]
    if not sentences:
        raise BadInput("there is nothing to summarise")
    common = Counter(words(text))
    return max(sentences, key=lambda sentence: sum(common[word] for word in set(words(sentence))))


AGENTS = {
    agent.name: agent
    for agent in (
        Agent(name="calculator", description="Works out a sum", answer=calculate),
        Agent(name="summary", description="Picks the sentence that says most", answer=summarise),
        Agent(name="triage", description="Says which team a request belongs to", answer=triage),
    )
}
