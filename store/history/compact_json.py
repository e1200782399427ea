"""Plain JSON as few bytes: deflated, with a dictionary of what all of it has in common.

The first byte tells the dictionary. One that was used is never changed: a new one gets another
number."""

import json
import zlib
from typing import Any

_WORDS = (
    '"label delay":{"label error":{"sum":"complaints":{"fallbacks":{"queue":{"dropped":"disagree":'
    '"unscored":"duplicate":"invalid":"right":"wrong":"scored":"labels":{"shadow":{"agree":'
    '"differ":"error":"refused":{"values":{"predictions":{"batch rows":{"rows":"batches":{"0":'
    '"1":"2":"3":"times":{"us":"requests":{"2xx":"4xx":"5xx":"latency":{"40":"41":"42":'
    '"43":"44":"45":'
    '"46":"47":"48":"49":"50":"51":"52":"53":"54":"55":"56":"57":"58":"59":"60":"61":"62":"63":'
    '"64":"65":"66":"67":"68":"69":"70":"71":"72":"73":"74":"75":"76":"77":"78":"79":"80":"81":'
    '"82":"83":"84":"85":"86":"87":"88":"89":"90":"91":"92":"93":"94":"95":"96":"97":"98":"99":'
    '"100":"101":"102":"103":"104":"105":"106":"107":"108":"109":"110":"111":"112":1,"'
    '"released":"asked":{"rollout":null,"report":null,"strategy":"canary","candidate":"v2",'
    '"stable":"v1","step":"paused":false,"held":[],"started_by":"conductor","started_at":'
    '"word":"undecided","because":"not yet: errors, latency not proved","against":'
    '"needed":"alarm":"proved":false,"breaker":"","capacity":"","was_away":false,"doubts":[],'
    '"all_requests":"counted":"candidate_counted":"pairs":"copies":0,"exhausted_users":0,'
    '"recent_s":"recent":{"running_s":"weight":"next_weights":["step_wait_s":"step_served":'
    '"step_requests":"deadline_s":"accepted":[],"signals":[{"name":"errors","action":"rollback",'
    '"required":true,"difference":"no data yet","band":null,"tolerance":0.0,"against_needed":'
    '"proof":null,"proof_needed":null,"proof_share":null,"margin":"","more":null,"more_90":null,'
    '"more_of":null,"per_s":null,"more_s":null,"more_90_s":null,"says":"'
    '"name":"refusals","name":"pairs","name":"outages","name":"latency","name":"tails",'
    '"name":"wait","name":"prediction","name":"agreement","name":"labels","segments":[]}'
    '["v1","serving","",{"requests":{"2xx":1},"latency":{"["v2","serving","","v1","","",{'
)
_DICTIONARIES = {b"\x01": _WORDS.encode()}
_NEWEST = b"\x01"


def packed(value: Any) -> bytes:
    """Plain JSON as bytes."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    deflate = zlib.compressobj(6, zlib.DEFLATED, -15, zdict=_DICTIONARIES[_NEWEST])
    return _NEWEST + deflate.compress(text.encode()) + deflate.flush()


def unpacked(raw: bytes) -> Any:
    """The plain JSON that was packed."""
    raw = bytes(raw)
    inflate = zlib.decompressobj(-15, zdict=_DICTIONARIES[raw[:1]])
    return json.loads(inflate.decompress(raw[1:]) + inflate.flush())
