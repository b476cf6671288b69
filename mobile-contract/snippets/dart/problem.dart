import 'package:dio/dio.dart';

/// The server refused. Branch on [code], show [detail], log [requestId].
/// Codes are an open list: for an unknown one go by the class of [status].
class ApiProblem implements Exception {
  ApiProblem.fromJson(Map<String, dynamic> json)
      : status = json['status'] as int,
        code = json['code'] as String,
        detail = json['detail'] as String,
        requestId = json['request_id'] as String,
        retryAfter = json['retry_after'] as int?,
        current = json['current'] as Map<String, dynamic>?,
        errors = [
          for (final error in json['errors'] as List<dynamic>? ?? const [])
            FieldError.fromJson(error as Map<String, dynamic>),
        ];

  final int status;
  final String code;
  final String detail;
  final String requestId;

  /// Seconds from now.
  final int? retryAfter;

  /// The resource as it is now, after a conflict of versions.
  final Map<String, dynamic>? current;
  final List<FieldError> errors;

  bool get saysTokenIsStale => status == 401 && _stale.contains(code);

  /// Nothing else may sign a person out.
  bool get saysSignInIsOver => status == 401 && _over.contains(code);
  bool get isWorthWaiting => status >= 500 || _worthWaiting.contains(code);

  /// Whether this settles what became of a tap; otherwise its `Idempotency-Key` is kept and sent again.
  bool get isFinal => status < 500 && code != 'request_in_progress';

  static const _stale = {'token_expired', 'token_invalid', 'auth_required'};
  static const _over = {'session_expired', 'session_revoked', 'refresh_reused'};
  static const _worthWaiting = {'request_in_progress', 'rate_limited', 'unavailable'};
}

class FieldError {
  FieldError.fromJson(Map<String, dynamic> json)
      : pointer = json['pointer'] as String?,
        parameter = json['parameter'] as String?,
        code = json['code'] as String,
        detail = json['detail'] as String;

  /// JSON Pointer into the body; null where a query value is wrong.
  final String? pointer;
  final String? parameter;
  final String code;
  final String detail;
}

/// No answer, or none of the server's: a bad line, a time-out, a captive portal. Nobody knows whether it was done.
class Unreachable implements Exception {
  const Unreachable(this.reason);
  final String reason;
}

/// Nobody is signed in any more.
class SignedOut implements Exception {
  const SignedOut();
}

/// What a failed call of dio means: the problem in it, or that no answer of the server came.
Exception meaningOf(DioException failure) {
  final known = failure.error;
  if (known is ApiProblem || known is SignedOut || known is Unreachable) return known! as Exception;
  final answer = failure.response;
  final type = answer?.headers.value(Headers.contentTypeHeader) ?? '';
  final body = answer?.data;
  if (type.startsWith('application/problem+json') && body is Map<String, dynamic>) return ApiProblem.fromJson(body);
  return Unreachable(failure.message ?? failure.type.name);
}
