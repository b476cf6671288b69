import 'problem.dart';

class Tokens {
  const Tokens({required this.access, required this.refresh});
  final String access;
  final String refresh;
}

/// flutter_secure_storage: the Keychain, or a file encrypted with a key of the Keystore.
abstract interface class TokenStore {
  Future<Tokens?> load();
  Future<void> save(Tokens? tokens);
}

class TokenAnswer {
  TokenAnswer.fromJson(Map<String, dynamic> json)
      : accessToken = json['access_token'] as String,
        refreshToken = json['refresh_token'] as String,
        accessExpiresIn = Duration(seconds: json['access_expires_in_seconds'] as int);

  final String accessToken;
  final String refreshToken;
  final Duration accessExpiresIn;
}

/// Who is signed in. One refresh at a time, and a bad line signs nobody out.
class Session {
  Session({required this.store, required this.exchange, required this.onSignedOut});

  final TokenStore store;
  final Future<TokenAnswer> Function(String refreshToken) exchange;
  final void Function() onSignedOut;

  // A clock that does not jump. After a start of the app a token counts as old.
  final _clock = Stopwatch()..start();
  Duration _freshUntil = Duration.zero;
  Future<String>? _refreshing;
  String? _closed;

  Future<void> begin(TokenAnswer answer) async {
    await store.save(Tokens(access: answer.accessToken, refresh: answer.refreshToken));
    _freshUntil = _clock.elapsed + answer.accessExpiresIn * 0.8;
  }

  /// The person leaves. The refresh token is for `POST auth/logout`.
  Future<String?> end() async {
    final tokens = await store.load();
    await store.save(null);
    return tokens?.refresh;
  }

  /// A token worth sending, or null for a stranger. One near its end is exchanged first, if the line allows.
  Future<String?> accessToken() async {
    final tokens = await store.load();
    if (tokens == null || _clock.elapsed < _freshUntil) return tokens?.access;
    try {
      return await renew(tokens.access);
    } on Unreachable {
      return tokens.access; // it may still be good; the server will say
    }
  }

  /// A token newer than the refused one. Whoever asks meanwhile shares the same exchange.
  Future<String> renew(String refused) async {
    final tokens = await store.load();
    if (tokens == null) throw const SignedOut();
    if (tokens.access != refused) return tokens.access;
    return _refreshing ??= _refresh(tokens).whenComplete(() => _refreshing = null);
  }

  /// The sign-in that had this token is over. The app is told once, however many calls find out.
  Future<SignedOut> close(String access) async {
    if (_closed != access) {
      _closed = access;
      await store.save(null);
      onSignedOut();
    }
    return const SignedOut();
  }

  Future<String> _refresh(Tokens tokens) async {
    try {
      final answer = await exchange(tokens.refresh);
      if (await store.load() == null) throw const SignedOut(); // the person left meanwhile
      await begin(answer);
      return answer.accessToken;
    } on ApiProblem catch (problem) {
      if (problem.saysSignInIsOver) throw await close(tokens.access);
      throw Unreachable('no new token: ${problem.code}');
    }
  }
}
