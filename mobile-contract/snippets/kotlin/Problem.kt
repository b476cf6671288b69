package sa.mawid.app

import java.io.IOException
import kotlinx.serialization.SerialName
import kotlinx.serialization.Serializable
import kotlinx.serialization.json.JsonObject
import okhttp3.Interceptor
import okhttp3.Response

/**
 * Branch on `code`, show `detail`, log `requestId`. Codes are an open list: for an unknown one go by the class of
 * `status`.
 */
@Serializable
data class Problem(
    val status: Int,
    val code: String,
    val detail: String,
    @SerialName("request_id") val requestId: String,
    val errors: List<FieldError> = emptyList(),
    /** Seconds from now. */
    @SerialName("retry_after") val retryAfter: Int? = null,
    /** The resource as it is now, after a conflict of versions. */
    val current: JsonObject? = null,
) {
    @Serializable
    data class FieldError(
        /** JSON Pointer into the body; null where a query value is wrong. */
        val pointer: String?,
        val parameter: String?,
        val code: String,
        val detail: String,
    )

    val saysTokenIsStale get() = status == 401 && code in STALE

    /** Nothing else may sign a person out. */
    val saysSignInIsOver get() = status == 401 && code in OVER
    val isWorthWaiting get() = status >= 500 || code in WORTH_WAITING

    /** Whether this settles what became of a tap; otherwise its `Idempotency-Key` is kept and sent again. */
    val isFinal get() = status < 500 && code != "request_in_progress"
}

private val STALE = setOf("token_expired", "token_invalid", "auth_required")
private val OVER = setOf("session_expired", "session_revoked", "refresh_reused")
private val WORTH_WAITING = setOf("request_in_progress", "rate_limited", "unavailable")

/** The server refused. An IOException, because OkHttp lets nothing else out of an interceptor. */
class ApiProblem(val problem: Problem) : IOException(problem.detail)

/** Somebody else answered: a captive portal, a proxy. Like any other IOException: nobody knows whether it was done. */
class NotFromServer(status: Int) : IOException("$status, and not from the server")

/** Nobody is signed in any more. */
class SignedOut : IOException("signed out")

/** The innermost interceptor: an answer is the server's own and a success, or an exception. */
class Refusals : Interceptor {
    override fun intercept(chain: Interceptor.Chain): Response {
        val response = chain.proceed(chain.request())
        val type = response.body?.contentType()
        if (response.isSuccessful && type?.subtype != "html") return response
        response.use {
            if (type?.subtype != "problem+json") throw NotFromServer(response.code)
            throw ApiProblem(wire.decodeFromString(response.body!!.string()))
        }
    }
}
