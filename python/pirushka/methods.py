"""The methods of the engine. Made by tools/python_methods.py from `pirushka rpc --openrpc`; not to be changed by hand."""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict, Union

BackupView = TypedDict("BackupView", {'bytes': int, 'contacts': int, 'created_ms': int, 'file': str, 'fingerprint': str, 'messages': int, 'name': str, 'program': str, 'recovery_key': NotRequired[Union["Hidden", None]]})
_BodyView0 = TypedDict("_BodyView0", {'kind': Literal['text'], 'text': str})
_BodyView1 = TypedDict("_BodyView1", {'kind': Literal['gap'], 'missing': int})
_BodyView2 = TypedDict("_BodyView2", {'kind': Literal['needs_newer_version']})
_BodyView3 = TypedDict("_BodyView3", {'after_s': int, 'kind': Literal['expire']})
BodyView = Union["_BodyView0", "_BodyView1", "_BodyView2", "_BodyView3"]
_Broken0 = TypedDict("_Broken0", {'code': "Code", 'event': Literal['broken'], 'remedy': NotRequired[Union[str, None]], 'text': str})
Broken = "_Broken0"
ChatView = TypedDict("ChatView", {'contact': int, 'expire_s': NotRequired[Union[int, None]], 'last': NotRequired[Union["MessageView", None]], 'looks_like': NotRequired[Union[str, None]], 'muted_until_ms': NotRequired[Union[int, None]], 'name': str, 'unread': int})
Code = Union[Literal['bad_input'], Literal['config'], Literal['not_writable'], Literal['no_profile'], Literal['profile_exists'], Literal['profile_locked'], Literal['passphrase_needed'], Literal['backup_secret'], Literal['backup_damaged'], Literal['backup_truncated'], Literal['wrong_key'], Literal['key_missing'], Literal['damaged'], Literal['newer_store'], Literal['disk_full'], Literal['dns'], Literal['no_answer'], Literal['peer_key'], Literal['peer_version'], Literal['refused'], Literal['invite_needed'], Literal['timed_out'], Literal['security'], Literal['no_such_contact'], Literal['no_such_message'], Literal['no_such_invite'], Literal['engine'], Literal['unexpected']]
_CodeView0 = TypedDict("_CodeView0", {'state': Literal['pending']})
_CodeView1 = TypedDict("_CodeView1", {'digits': str, 'state': Literal['ready']})
_CodeView2 = TypedDict("_CodeView2", {'state': Literal['exhausted']})
_CodeView3 = TypedDict("_CodeView3", {'state': Literal['forged']})
CodeView = Union["_CodeView0", "_CodeView1", "_CodeView2", "_CodeView3"]
ContactStateView = Union[Literal['adding'], Literal['request'], Literal['active'], Literal['blocked']]
ContactUntil = Union[Literal['active'], Literal['code'], Literal['receipted']]
ContactView = TypedDict("ContactView", {'claimed_name': str, 'code': "CodeView", 'expire_s': NotRequired[Union[int, None]], 'fingerprint': str, 'first_text': NotRequired[Union[str, None]], 'homes': list[str], 'id': int, 'knows_homes': NotRequired[bool], 'looks_like': NotRequired[Union[str, None]], 'muted_until_ms': NotRequired[Union[int, None]], 'name': str, 'name_conflict': bool, 'state': "ContactStateView", 'trouble': NotRequired[Union["TroubleView", None]], 'unreceipted': int, 'verified': bool})
EngineView = TypedDict("EngineView", {'background': bool, 'faces': int, 'pid': int, 'protection': str, 'uptime_s': int, 'version': str})
_EventView0 = TypedDict("_EventView0", {'cursor': int, 'event': Literal['message'], 'message': "MessageView"})
_EventView1 = TypedDict("_EventView1", {'cursor': int, 'event': Literal['changed'], 'message': "MessageView"})
_EventView2 = TypedDict("_EventView2", {'cursor': int, 'event': Literal['caught_up']})
_EventView3 = TypedDict("_EventView3", {'contact': "ContactView", 'event': Literal['contact']})
_EventView4 = TypedDict("_EventView4", {'contact': int, 'event': Literal['message_gone'], 'id': int})
_EventView5 = TypedDict("_EventView5", {'event': Literal['contact_removed'], 'id': int})
_EventView6 = TypedDict("_EventView6", {'contact': "ContactView", 'event': Literal['code_ready']})
_EventView7 = TypedDict("_EventView7", {'event': Literal['home'], 'home': "HomeView"})
_EventView8 = TypedDict("_EventView8", {'contact': NotRequired[Union[int, None]], 'event': Literal['warning'], 'text': str, 'warning': "WarningView"})
_EventView9 = TypedDict("_EventView9", {'event': Literal['lagged']})
_EventView10 = TypedDict("_EventView10", {'event': Literal['stopping']})
_EventView11 = TypedDict("_EventView11", {'event': Literal['unknown']})
EventView = Union["_EventView0", "_EventView1", "_EventView2", "_EventView3", "_EventView4", "_EventView5", "_EventView6", "_EventView7", "_EventView8", "_EventView9", "_EventView10", "_EventView11"]
FoundPage = TypedDict("FoundPage", {'hits': list["HitView"], 'more': bool})
Hidden = str
HistoryPage = TypedDict("HistoryPage", {'messages': list["MessageView"], 'more': bool})
HitView = TypedDict("HitView", {'message': "MessageView", 'snippet': list["SnippetPart"]})
HomeRoleView = Union[Literal['joining'], Literal['serving'], Literal['leaving']]
HomeStateView = Union[Literal['connecting'], Literal['online'], Literal['superseded'], Literal['unavailable'], Literal['invite_needed'], Literal['work_too_hard']]
HomeView = TypedDict("HomeView", {'dns_error': NotRequired[Union[str, None]], 'holds': NotRequired[Union[int, None]], 'keepalive_s': int, 'leaving_until_ms': NotRequired[Union[int, None]], 'moving_fails': NotRequired[bool], 'moving_to': NotRequired[Union[str, None]], 'observed': NotRequired[Union[str, None]], 'peer': str, 'restarted_ms': NotRequired[Union[int, None]], 'restarts': NotRequired[int], 'role': NotRequired["HomeRoleView"], 'rtt_us': NotRequired[Union[int, None]], 'since_ms': NotRequired[Union[int, None]], 'state': "HomeStateView"})
IdentityView = TypedDict("IdentityView", {'address': NotRequired[Union[str, None]], 'certificate_pem': str, 'fingerprint': str, 'name': str, 'policy': NotRequired["PolicyView"]})
InviteView = TypedDict("InviteView", {'address': NotRequired[Union[str, None]], 'ask': bool, 'expiry_s': int, 'id': int, 'label': str, 'uses_left': int})
MessageView = TypedDict("MessageView", {'body': "BodyView", 'contact': int, 'content': str, 'fingerprint': NotRequired[str], 'id': int, 'name': str, 'outgoing': bool, 'seen': bool, 'sent_ms': int, 'state': "StateView", 'stored_ms': int})
_PolicyView0 = TypedDict("_PolicyView0", {'policy': Literal['closed']})
_PolicyView1 = TypedDict("_PolicyView1", {'policy': Literal['invites']})
_PolicyView2 = TypedDict("_PolicyView2", {'bits': int, 'policy': Literal['open']})
PolicyView = Union["_PolicyView0", "_PolicyView1", "_PolicyView2"]
SentView = TypedDict("SentView", {'message': "MessageView", 'reached': bool, 'took_us': int})
_Since2 = TypedDict("_Since2", {'cursor': int})
Since = Union[Literal['now'], Literal['unseen'], "_Since2"]
SnippetPart = TypedDict("SnippetPart", {'hit': bool, 'text': str})
_StateView0 = TypedDict("_StateView0", {'state': Literal['queued']})
_StateView1 = TypedDict("_StateView1", {'peer': NotRequired[Union[str, None]], 'state': Literal['held'], 'until_ms': int})
_StateView2 = TypedDict("_StateView2", {'state': Literal['delivered']})
_StateView3 = TypedDict("_StateView3", {'state': Literal['read']})
_StateView4 = TypedDict("_StateView4", {'reason': str, 'state': Literal['failed']})
_StateView5 = TypedDict("_StateView5", {'state': Literal['received']})
StateView = Union["_StateView0", "_StateView1", "_StateView2", "_StateView3", "_StateView4", "_StateView5"]
StatusView = TypedDict("StatusView", {'address': NotRequired[Union[str, None]], 'contacts': int, 'cursor': int, 'engine': "EngineView", 'fingerprint': str, 'homes': list["HomeView"], 'name': str, 'policy': NotRequired["PolicyView"], 'profile': str, 'requests': int, 'unread': int, 'unreceipted': int})
TroubleView = Union[Literal['no_address'], Literal['no_key'], Literal['peer_unavailable'], Literal['unknown_user'], Literal['card_expired'], Literal['bundle_forged'], Literal['intro_refused'], Literal['inbox_full'], Literal['invite_only'], Literal['closed'], Literal['work_too_hard']]
WaitFor = Union[Literal['queued'], Literal['held'], Literal['delivered'], Literal['read']]
WarningView = Union[Literal['code_forged'], Literal['superseded'], Literal['adding_delayed'], Literal['session_renewed'], Literal['store_trouble'], Literal['unknown']]


def _given(params: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in params.items() if value is not None}


class Methods:
    """One method for each of the engine."""

    def call(self, method: str, params: dict[str, Any]) -> Any:
        raise NotImplementedError

    def status(self) -> "StatusView":
        """What stands: me, my home peers, unread and waiting messages."""
        result: "StatusView" = self.call('status', _given({}))
        return result

    def identity(self) -> "IdentityView":
        """Who I am."""
        result: "IdentityView" = self.call('identity', _given({}))
        return result

    def rename_me(self, *, name: str) -> None:
        """Calls myself something else."""
        result: None = self.call('rename_me', _given({'name': name}))
        return result

    def set_home(self, *, peer: str) -> None:
        """Replaces the home peer."""
        result: None = self.call('set_home', _given({'peer': peer}))
        return result

    def home_add(self, *, peer: str) -> None:
        """One more home peer."""
        result: None = self.call('home_add', _given({'peer': peer}))
        return result

    def home_remove(self, *, peer: str) -> None:
        """Leaves a home peer, by address or `host[:port]`."""
        result: None = self.call('home_remove', _given({'peer': peer}))
        return result

    def home_move(self, *, to: str, from_: Union[str, None] = None) -> None:
        """Moves from one home peer, or from all, to another."""
        result: None = self.call('home_move', _given({'to': to, 'from': from_}))
        return result

    def policy_set(self, *, policy: "PolicyView") -> None:
        """Says who may introduce itself to me."""
        result: None = self.call('policy_set', _given({'policy': policy}))
        return result

    def invite_new(self, *, ask: Union[bool, None] = None, expiry_s: Union[int, None] = None, label: Union[str, None] = None, uses: Union[int, None] = None) -> "InviteView":
        """Makes an address that lets people in."""
        result: "InviteView" = self.call('invite_new', _given({'ask': ask, 'expiry_s': expiry_s, 'label': label, 'uses': uses}))
        return result

    def invites(self) -> list["InviteView"]:
        """All invites that still let somebody in."""
        result: list["InviteView"] = self.call('invites', _given({}))
        return result

    def invite_revoke(self, *, id: int) -> None:
        """Revokes an invite; holds even while the peer is down."""
        result: None = self.call('invite_revoke', _given({'id': id}))
        return result

    def contacts(self) -> list["ContactView"]:
        """Everybody, by name."""
        result: list["ContactView"] = self.call('contacts', _given({}))
        return result

    def contact(self, *, who: str) -> "ContactView":
        """One contact."""
        result: "ContactView" = self.call('contact', _given({'who': who}))
        return result

    def contact_add(self, *, address: str, name: Union[str, None] = None) -> "ContactView":
        """Introduces me to the person at an address, with an invite's token if it has one."""
        result: "ContactView" = self.call('contact_add', _given({'address': address, 'name': name}))
        return result

    def contact_add_saying(self, *, address: str, text: str, name: Union[str, None] = None) -> "ContactView":
        """The same with a first text, at most 1 KiB, which the person sees before saying yes."""
        result: "ContactView" = self.call('contact_add_saying', _given({'address': address, 'text': text, 'name': name}))
        return result

    def contact_accept(self, *, who: str) -> "ContactView":
        """Lets in who asked."""
        result: "ContactView" = self.call('contact_accept', _given({'who': who}))
        return result

    def contact_refuse(self, *, who: str) -> None:
        """Turns down who asked."""
        result: None = self.call('contact_refuse', _given({'who': who}))
        return result

    def contact_rename(self, *, name: str, who: str) -> "ContactView":
        """Gives a contact another name of mine."""
        result: "ContactView" = self.call('contact_rename', _given({'name': name, 'who': who}))
        return result

    def contact_block(self, *, who: str) -> "ContactView":
        """Takes nothing from this person any more."""
        result: "ContactView" = self.call('contact_block', _given({'who': who}))
        return result

    def contact_unblock(self, *, who: str) -> "ContactView":
        """Lifts a block."""
        result: "ContactView" = self.call('contact_unblock', _given({'who': who}))
        return result

    def contact_remove(self, *, who: str) -> None:
        """Forgets a contact and its conversation."""
        result: None = self.call('contact_remove', _given({'who': who}))
        return result

    def contact_wait(self, *, until: "ContactUntil", who: str, timeout_ms: Union[int, None] = None) -> "ContactView":
        """Answers when the contact fits `until`, or as it is when the time is over."""
        result: "ContactView" = self.call('contact_wait', _given({'until': until, 'who': who, 'timeout_ms': timeout_ms}))
        return result

    def code_confirm(self, *, matches: bool, who: str) -> "ContactView":
        """The person compared the six digits."""
        result: "ContactView" = self.call('code_confirm', _given({'matches': matches, 'who': who}))
        return result

    def code_rerun(self, *, who: str) -> "ContactView":
        """Another run of the six digits."""
        result: "ContactView" = self.call('code_rerun', _given({'who': who}))
        return result

    def fingerprint_confirm(self, *, fingerprint: str, who: str) -> bool:
        """The person compared a QR code or the whole fingerprint."""
        result: bool = self.call('fingerprint_confirm', _given({'fingerprint': fingerprint, 'who': who}))
        return result

    def digits_confirm(self, *, who: str) -> "ContactView":
        """The person compared the sixty digits aloud."""
        result: "ContactView" = self.call('digits_confirm', _given({'who': who}))
        return result

    def sixty_digits(self, *, who: str) -> str:
        """The sixty digits of the two of us."""
        result: str = self.call('sixty_digits', _given({'who': who}))
        return result

    def send(self, *, text: str, who: str, timeout_ms: Union[int, None] = None, wait: Union["WaitFor", None] = None) -> "SentView":
        """Sends a text: it is on the disk when the answer comes, and has come as far as `wait` if `reached` says so."""
        result: "SentView" = self.call('send', _given({'text': text, 'who': who, 'timeout_ms': timeout_ms, 'wait': wait}))
        return result

    def wait(self, *, message: int, wait: "WaitFor", timeout_ms: Union[int, None] = None) -> "SentView":
        """Waits for a message that was sent before."""
        result: "SentView" = self.call('wait', _given({'message': message, 'wait': wait, 'timeout_ms': timeout_ms}))
        return result

    def chats(self) -> list["ChatView"]:
        """All conversations, the newest first."""
        result: list["ChatView"] = self.call('chats', _given({}))
        return result

    def history(self, *, who: str, after: Union[int, None] = None, around: Union[int, None] = None, before: Union[int, None] = None, limit: Union[int, None] = None) -> "HistoryPage":
        """The rows before an id, those around one or behind one, or the newest."""
        result: "HistoryPage" = self.call('history', _given({'who': who, 'after': after, 'around': around, 'before': before, 'limit': limit}))
        return result

    def search(self, *, text: str, before: Union[int, None] = None, limit: Union[int, None] = None, who: Union[str, None] = None) -> "FoundPage":
        """The newest texts (before an id) with these words, in one conversation or in all."""
        result: "FoundPage" = self.call('search', _given({'text': text, 'before': before, 'limit': limit, 'who': who}))
        return result

    def mark_seen(self, *, up_to: int, who: str) -> None:
        """The person has seen this message and all before it."""
        result: None = self.call('mark_seen', _given({'up_to': up_to, 'who': who}))
        return result

    def mute(self, *, who: str, until_ms: Union[int, None] = None) -> "ContactView":
        """Lets a conversation disturb nobody until then, Unix milliseconds; 0: until it is unmuted; nothing: not any more."""
        result: "ContactView" = self.call('mute', _given({'who': who, 'until_ms': until_ms}))
        return result

    def expire(self, *, after_s: int, who: str) -> "ContactView":
        """Messages from now on disappear so long after they were seen; 0: they stay."""
        result: "ContactView" = self.call('expire', _given({'after_s': after_s, 'who': who}))
        return result

    def backup_create(self, *, path: str, passphrase: Union["Hidden", None] = None, replace: Union[bool, None] = None) -> "BackupView":
        """Writes a backup to an absolute path; without a passphrase, with a new recovery key."""
        result: "BackupView" = self.call('backup_create', _given({'path': path, 'passphrase': passphrase, 'replace': replace}))
        return result

    def identity_export(self, *, passphrase: "Hidden") -> "Hidden":
        """The identity alone, sealed with a passphrase."""
        result: "Hidden" = self.call('identity_export', _given({'passphrase': passphrase}))
        return result

    def subscribe(self, *, from_: "Since") -> None:
        """Tells events from here on; another subscription takes the place of this one."""
        result: None = self.call('subscribe', _given({'from': from_}))
        return result
