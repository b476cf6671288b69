import 'package:dio/dio.dart';
import 'package:uuid/uuid.dart';

import 'client.dart';
import 'problem.dart';
import 'values.dart';

class Booking {
  Booking.fromJson(Map<String, dynamic> json)
      : id = json['id'] as String,
        reference = json['reference'] as String,
        version = json['version'] as int,
        state = BookingState.of(json['state'] as String),
        stateLabel = json['state_label'] as String,
        startsAt = Moment.parse(json['starts_at'] as String),
        price = Money.fromJson(json['price'] as Map<String, dynamic>),
        allowedActions = List<String>.from(json['allowed_actions'] as List<dynamic>);

  final String id;
  final String reference;
  final int version;
  final BookingState state;
  final String stateLabel;
  final Moment startsAt;
  final Money price;

  /// What may be done now; never derived from [state].
  final List<String> allowedActions;
}

/// What the person tapped, kept on disk with its key until the answer is final: it survives the app being closed.
class Draft {
  Draft({
    required String salonId,
    required List<String> serviceIds,
    required Moment startsAt,
    required int expectedTotalMinor,
  })  : key = const Uuid().v4(),
        body = {
          'salon_id': salonId,
          'items': [
            for (final id in serviceIds) {'service_id': id},
          ],
          'starts_at': startsAt.toJson(),
          'expected_total_minor': expectedTotalMinor,
        };

  Draft.fromJson(Map<String, dynamic> json)
      : key = json['key'] as String,
        body = json['body'] as Map<String, dynamic>;

  final String key;
  final Map<String, dynamic> body;

  Map<String, dynamic> toJson() => {'key': key, 'body': body};
}

sealed class Outcome {
  const Outcome();
}

class Booked extends Outcome {
  const Booked(this.booking);
  final Booking booking;
}

/// Back to the times, with this sentence.
class TimeTaken extends Outcome {
  const TimeTaken(this.detail);
  final String detail;
}

/// A new quote, then the same button.
class PriceChanged extends Outcome {
  const PriceChanged(this.detail);
  final String detail;
}

class Refused extends Outcome {
  const Refused(this.detail);
  final String detail;
}

/// Nobody knows. The draft is kept, and tried again with the same key.
class NotKnown extends Outcome {
  const NotKnown();
}

Future<Outcome> book(Dio http, Draft draft) async {
  try {
    return Booked(await _send(http, '/api/v1/bookings', draft.body, draft.key));
  } on ApiProblem catch (problem) {
    if (problem.code == 'slot_unavailable') return TimeTaken(problem.detail);
    if (problem.code == 'amount_changed') return PriceChanged(problem.detail);
    return problem.isFinal ? Refused(problem.detail) : const NotKnown();
  } on Unreachable {
    return const NotKnown();
  }
}

/// On 409 `version_conflict` the answer carries the booking as it is: show it, and let the person decide again.
Future<Booking> cancel(Dio http, Booking booking, String key) async {
  try {
    return await _send(http, '/api/v1/bookings/${booking.id}/cancel', {'version': booking.version}, key);
  } on ApiProblem catch (problem) {
    final current = problem.current;
    if (problem.code != 'version_conflict' || current == null) rethrow;
    return Booking.fromJson(current);
  }
}

Future<Booking> _send(Dio http, String path, Object body, String key) => patiently(() async {
      final options = Options(headers: {'Idempotency-Key': key});
      final answer = await http.post<Map<String, dynamic>>(path, data: body, options: options);
      return Booking.fromJson(answer.data!);
    });
