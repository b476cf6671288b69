import 'dart:math';

import 'package:dio/dio.dart';

import 'problem.dart';
import 'session.dart';

/// What every request says, whoever made it.
class ConstantHeaders extends Interceptor {
  ConstantHeaders({required this.client, required this.installationId, required this.language});

  /// `android/2.3.1+431`
  final String client;

  /// Random, made once per install.
  final String installationId;

  /// The language on the screen, asked anew for each request.
  final String Function() language;

  @override
  void onRequest(RequestOptions options, RequestInterceptorHandler handler) {
    options.headers.addAll({
      'Accept-Language': language(),
      'X-Client': client,
      'X-Installation-Id': installationId,
    });
    handler.next(options);
  }
}

/// With the person's token; one that the server calls stale is exchanged once, and the request repeated once.
class Authorization extends Interceptor {
  Authorization(this._session, this._plain);

  final Session _session;
  final Dio _plain;

  @override
  Future<void> onRequest(RequestOptions options, RequestInterceptorHandler handler) async {
    try {
      final token = await _session.accessToken();
      if (token != null) options.headers['Authorization'] = 'Bearer $token';
      handler.next(options);
    } on Exception catch (failure) {
      handler.reject(DioException(requestOptions: options, error: failure));
    }
  }

  @override
  Future<void> onError(DioException err, ErrorInterceptorHandler handler) async {
    final problem = meaningOf(err);
    final options = err.requestOptions;
    final sent = options.headers['Authorization'] as String?;
    if (sent == null || problem is! ApiProblem) return handler.next(err);
    final token = sent.substring('Bearer '.length);
    try {
      if (problem.saysSignInIsOver) throw await _session.close(token);
      if (!problem.saysTokenIsStale) return handler.next(err);
      options.headers['Authorization'] = 'Bearer ${await _session.renew(token)}';
      handler.resolve(await _plain.fetch<dynamic>(options));
    } on DioException catch (again) {
      handler.next(again);
    } on Exception catch (failure) {
      handler.next(err.copyWith(error: failure));
    }
  }
}

/// Without the person's token: for signing in and for the exchange of tokens.
Dio plainDio(Uri server, ConstantHeaders headers) {
  const limit = Duration(seconds: 15);
  return Dio(
    BaseOptions(
      baseUrl: '$server',
      connectTimeout: limit,
      sendTimeout: limit,
      receiveTimeout: limit,
      followRedirects: false, // the API never redirects; captive portals do
    ),
  )..interceptors.add(headers);
}

/// For everything else; hand it to the generated client.
Dio signedInDio(Dio plain, ConstantHeaders headers, Session session) =>
    Dio(plain.options)..interceptors.addAll([headers, Authorization(session, plain)]);

/// The `exchange` of a [Session]. The previous refresh token works for a minute more, so a lost answer is asked for
/// again.
Future<TokenAnswer> exchange(Dio plain, String refreshToken) => patiently(() async {
      final answer = await plain.post<Map<String, dynamic>>(
        '/api/v1/auth/token-refreshes',
        data: {'refresh_token': refreshToken},
      );
      return TokenAnswer.fromJson(answer.data!);
    });

/// Again after a bad line, or when the server asks for patience; with growing pauses, and not for ever.
///
/// For reads, and for whatever carries an `Idempotency-Key`: make the key before, outside [act].
Future<T> patiently<T>(Future<T> Function() act, {int tries = 4}) async {
  for (var attempt = 1;; attempt++) {
    try {
      return await act();
    } on DioException catch (failure) {
      final meaning = meaningOf(failure);
      final wait = attempt < tries ? _pauseAfter(meaning, attempt) : null;
      if (wait == null) throw meaning;
      await Future<void>.delayed(wait);
    }
  }
}

Duration? _pauseAfter(Exception failure, int attempt) {
  final backoff = const Duration(milliseconds: 200) * (1 << attempt) * (0.5 + Random().nextDouble() / 2);
  if (failure is Unreachable) return backoff;
  if (failure is! ApiProblem || !failure.isWorthWaiting) return null;
  final seconds = failure.retryAfter;
  if (seconds == null) return backoff;
  return seconds <= 10 ? Duration(seconds: seconds) : null;
}
