"""Chat models behind OpenAI-compatible servers: one client with cache, retries, limits and budget."""

from oasis_train.chat.client import ChatClient
from oasis_train.chat.config import CACHE_NAME, ChatConfig
from oasis_train.chat.errors import BudgetError, CacheMissError, ChatError, PromptTooLongError
from oasis_train.chat.estimate import ChatEstimate, estimate_chat
from oasis_train.chat.request import Answer, ChatRequest

__all__ = [
    "CACHE_NAME",
    "Answer",
    "BudgetError",
    "CacheMissError",
    "ChatClient",
    "ChatConfig",
    "ChatError",
    "ChatEstimate",
    "ChatRequest",
    "PromptTooLongError",
    "estimate_chat",
]
